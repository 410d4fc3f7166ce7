"""What the event logs of all workers count, in memory that outlives each of them.

A worker counts in a slot of its own, by plain stores of eight bytes; what it counted stays when
it is killed, and the worker that replaces it goes on from there. Any process that has the ledger
adds all of them up, the parent included.
"""

import fcntl
import mmap
import os
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

WRITTEN, LOST, SPILLED, IN_MEMORY, FAILING, OLDEST, _KEY, _CURRENT = range(8)
"""Cells of a slot. OLDEST: when the oldest waiting event came, in ns (monotonic); 0 for none."""
_MARKS = (8, 12)
"""Where the two marks are, of which _CURRENT (0 or 1) is whole: a mark is four cells."""
_CELLS = 16
_TRIES = 1000


class LogTotals(NamedTuple):
    """What all workers of a service counted, those that died included.

    Each event that was answered is written, lost or pending.
    """

    written: int = 0
    """Events in the files, since the service started."""
    lost: int = 0
    """Events that will never be written."""
    pending: int = 0
    """Events that wait for the disk."""
    in_memory: int = 0
    """Those of them that are in a worker's own memory and nowhere else."""
    orphaned: int = 0
    """Those of them that a worker left when it died, until another one writes them."""
    failing: int = 0
    """Workers that live and whose events the disk refuses."""
    lag_seconds: float = 0.0
    """Age of the oldest event that waits; 0 where none does."""


class Mark(NamedTuple):
    """A moment when the count was surely that of the files."""

    written: int
    device: int
    inode: int
    size: int
    """Of the file that was written then, in bytes."""


class Ledger:
    """A shared memory of slots; make it before the fork. Not thread-safe but for `totals`."""

    def __init__(self, slots: int = 8) -> None:
        """`slots`: at least two for each process that has an event log: the second is for what
        it finds left by others."""
        # A file without a name: its byte ranges can be locked, and the kernel takes the locks
        # away from a process that ends, in whatever way.
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
        """One for a service of so many workers.

        A slot of a dead one is free for another number only when all it left is settled.
        """
        return cls(2 * workers + 8)

    def take(self, key: int) -> "Account":
        """A slot for a log with the number `key` (from 1): that of a dead one, or a new one.

        The slot is ours until `Account.release`, or until this process ends. Raises ValueError
        where no slot is free.
        """
        for slot in self._candidates(key):
            # Somebody who adds up locks a slot for a moment; of this number, nobody else may.
            tries = _TRIES if self._cell(slot, _KEY) == key else 1
            if self._lock(slot, fcntl.LOCK_EX, tries):
                self._own().add(slot)
                account = Account(self, slot)
                if self._cell(slot, _KEY) != key:
                    # Of a number that another process has now, and writes what waited.
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

    def write_off(self, fate: Callable[[int], int | None]) -> int:
        """Settle what dead workers left waiting and nobody here can write any more.

        `fate` is told the number of such a log: whether the events are WRITTEN (by another
        service, which has the number now) or LOST; None where they wait still. Returns how many
        were lost.
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
                cell = fate(account.cells[_KEY])
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
        """Those of one slot, as unsigned integers of 64 bits."""
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
        """By the constants above; to be stored to as they are."""

    def bury(self) -> int:
        """What a dead owner had in its memory is lost: count it. Returns how much that was."""
        gone = self.cells[IN_MEMORY]
        self.cells[LOST] += gone
        self.cells[IN_MEMORY] = self.cells[FAILING] = self.cells[OLDEST] = 0
        return gone

    def mark(self, device: int, inode: int, size: int) -> None:
        """Note that all that is counted as written is in files, of which this one is the last."""
        other = 1 - self.cells[_CURRENT]
        for cell, value in enumerate((self.cells[WRITTEN], device, inode, size), _MARKS[other]):
            self.cells[cell] = value
        self.cells[_CURRENT] = other

    def marked(self) -> Mark:
        """The newest mark; all 0 where there is none."""
        first = _MARKS[self.cells[_CURRENT]]
        return Mark(*self.cells[first : first + 4].tolist())

    def release(self) -> None:
        """Give the slot up; what was counted stays."""
        self._ledger.release(self._slot)
