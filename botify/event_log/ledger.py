"""Counts of the event logs of all workers, in shared memory that outlives each of them.

A worker counts in a slot of its own, by plain stores of eight bytes. Its counts stay when it is
killed, and the worker that replaces it continues from there. Every process that has the ledger can
add them up, the parent included.
"""

import fcntl
import mmap
import os
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

WRITTEN, LOST, SPILLED, IN_MEMORY, FAILING, OLDEST, _KEY, _CURRENT = range(8)
"""Cells of a slot. OLDEST: when the oldest waiting event came, in ns (monotonic), or 0."""
_MARK_OFFSETS = (8, 12)
"""Where the two marks are, of which _CURRENT (0 or 1) is whole: a mark is four cells."""
_CELLS = 16
_TRIES = 1000


class LogTotals(NamedTuple):
    """Sums over all workers of a service, dead ones included.

    Each event that was answered is written, lost or pending.
    """

    written: int = 0
    """Events in the files, since the service started."""
    lost: int = 0
    """Events that will never be written."""
    pending: int = 0
    """Events that wait for the disk."""
    in_memory: int = 0
    """Those of them that are only in a worker's memory."""
    orphaned: int = 0
    """Those of them left by workers that died, until another worker writes them."""
    failing: int = 0
    """Living workers whose events the disk refuses."""
    lag_seconds: float = 0.0
    """Age of the oldest waiting event; 0 if there is none."""


class Mark(NamedTuple):
    """A point at which the count agreed with the files."""

    written: int
    device: int
    inode: int
    size: int
    """Of the current file at that point, in bytes."""


class Ledger:
    """Slots in shared memory; make it before the fork. Only `totals` is thread-safe."""

    def __init__(self, slots: int = 8) -> None:
        """`slots`: at least two for each process with an event log: one is for writing what other
        processes left."""
        # A file without a name: its byte ranges can be locked, and the kernel releases the locks
        # of a process that ends, however it ends.
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("botify-log-ledger", os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                self._file = os.dup(file.fileno())
        os.ftruncate(self._file, slots * _CELLS * 8)
        self._slots = range(slots)
        self._cells = memoryview(mmap.mmap(self._file, slots * _CELLS * 8)).cast("Q")
        self._pid = os.getpid()
        self._mine: set[int] = set()

    @classmethod
    def of(cls, workers: int) -> "Ledger":
        """For a service with this number of workers.

        The slot of a dead worker is free for another number only when all it left is settled.
        """
        return cls(2 * workers + 8)

    def take(self, key: int) -> "Account":
        """A slot for the log with the number `key` (from 1): that of a dead process, or a new one.

        The slot is ours until `Account.release`, or until this process ends. Raises ValueError
        if no slot is free.
        """
        for slot in self._candidates(key):
            # `totals` of another process locks a slot for a moment; only that can hold this one.
            tries = _TRIES if self._cell(slot, _KEY) == key else 1
            if self._lock(slot, fcntl.LOCK_EX, tries):
                self._own().add(slot)
                account = Account(self, slot)
                if self._cell(slot, _KEY) != key:
                    # Left from a number that another process has now; that writes what waited.
                    account.cells[WRITTEN] += account.cells[SPILLED]
                    account.cells[SPILLED] = 0
                    account.cells[_KEY] = key
                return account
        raise ValueError("the ledger has no free slot")

    def totals(self) -> LogTotals:
        """The sum of all slots now."""
        written = lost = spilled = in_memory = orphaned = failing = 0
        oldest = 0
        for slot in self._slots:
            if not self._cell(slot, _KEY):
                continue
            first = slot * _CELLS
            cells = self._cells[first : first + _CELLS].tolist()
            written += cells[WRITTEN]
            lost += cells[LOST]
            spilled += cells[SPILLED]
            if self._lives(slot):
                in_memory += cells[IN_MEMORY]
                failing += bool(cells[FAILING])
            else:
                lost += cells[IN_MEMORY]
                orphaned += cells[SPILLED]
                if not cells[SPILLED]:
                    continue
            if cells[OLDEST] and (not oldest or cells[OLDEST] < oldest):
                oldest = cells[OLDEST]
        return LogTotals(
            written=written,
            lost=lost,
            pending=spilled + in_memory,
            in_memory=in_memory,
            orphaned=orphaned,
            failing=failing,
            lag_seconds=max(0.0, (time.monotonic_ns() - oldest) / 1e9) if oldest else 0.0,
        )

    def write_off(self, outcome: Callable[[int], int | None]) -> int:
        """Settle what dead workers left and no process here can write any more.

        `outcome(number)` of such a log: WRITTEN if another service has the number, and so writes
        the events; LOST; None if they still wait. Returns the number of lost events.
        """
        gone = 0
        for slot in self._slots:
            if not self._cell(slot, SPILLED) or slot in self._own():
                continue
            if not self._lock(slot, fcntl.LOCK_EX, 1):
                continue
            self._own().add(slot)
            account = Account(self, slot)
            try:
                cell = outcome(account.cells[_KEY])
                count = account.cells[SPILLED]
                if cell is not None:
                    account.cells[cell] += count
                    account.cells[SPILLED] = 0
                    gone += count if cell == LOST else 0
            finally:
                account.release()
        return gone

    def release(self, slot: int) -> None:
        """Let another process have the slot."""
        self._own().discard(slot)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)

    def cells(self, slot: int) -> memoryview:
        """The cells of one slot, as unsigned integers of 64 bits."""
        return self._cells[slot * _CELLS : (slot + 1) * _CELLS]

    def _cell(self, slot: int, cell: int) -> int:
        return self._cells[slot * _CELLS + cell]

    def _candidates(self, key: int) -> list[int]:
        def order(slot: int) -> int:
            known = self._cell(slot, _KEY)
            if known == key:
                return 0
            if not known:
                return 1
            return 3 if self._cell(slot, SPILLED) else 2

        return sorted((slot for slot in self._slots if slot not in self._own()), key=order)

    def _own(self) -> set[int]:
        """Slots of this process; locks do not pass to a fork."""
        if self._pid != os.getpid():
            self._pid, self._mine = os.getpid(), set()
        return self._mine

    def _lives(self, slot: int) -> bool:
        if slot in self._own():
            return True
        if self._lock(slot, fcntl.LOCK_SH, 1):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
            return False
        return True

    def _lock(self, slot: int, how: int, tries: int) -> bool:
        for attempt in range(tries):
            if attempt:
                time.sleep(0.001)
            try:
                fcntl.lockf(self._file, how | fcntl.LOCK_NB, 1, slot)
            except (BlockingIOError, PermissionError):
                continue
            return True
        return False


class Account:
    """One slot, of a log that is open in this process."""

    def __init__(self, ledger: Ledger, slot: int) -> None:
        """Use `Ledger.take`."""
        self._ledger = ledger
        self._slot = slot
        self.cells = ledger.cells(slot)
        """By the constants above; for reading and writing."""

    def count_lost_memory(self) -> int:
        """Count what a dead owner had in memory as lost. Returns its number."""
        gone = self.cells[IN_MEMORY]
        self.cells[LOST] += gone
        self.cells[IN_MEMORY] = self.cells[FAILING] = self.cells[OLDEST] = 0
        return gone

    def mark(self, device: int, inode: int, size: int) -> None:
        """Record that all events counted as written are in files, of which this is the last."""
        other = 1 - self.cells[_CURRENT]
        for cell, value in enumerate(
            (self.cells[WRITTEN], device, inode, size), _MARK_OFFSETS[other]
        ):
            self.cells[cell] = value
        self.cells[_CURRENT] = other

    def marked(self) -> Mark:
        """The newest mark; all 0 if there is none."""
        first = _MARK_OFFSETS[self.cells[_CURRENT]]
        return Mark(*self.cells[first : first + 4].tolist())

    def release(self) -> None:
        """Release the slot; its counts stay."""
        self._ledger.release(self._slot)
