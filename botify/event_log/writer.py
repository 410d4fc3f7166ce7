"""The event log: requests and answers, one JSON object per line."""

import errno
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from botify.config import LogConfig
from botify.errors import InputError
from botify.event_log.backlog import Backlog
from botify.event_log.ledger import FAILING, IN_MEMORY, LOST, SPILLED, WRITTEN, Ledger
from botify.event_log.recovery import orphans, outcome, recover
from botify.event_log.segments import (
    Segment,
    Unshipped,
    begin,
    claim,
    key_of,
    resume,
    unshipped_files,
    unusable,
)
from botify.event_log.spill import Position, places
from botify.event_log.status import LogStatus
from botify.files.jsonlines import encode

_BATCH = 256
"""Waiting lines that are written before requests get the lock."""
_CHECK_SECONDS = 10.0
"""How often the directory is scanned, which may have thousands of files."""

_logger = logging.getLogger(__name__)


class EventLog:
    """Appends to a worker's own series of files, which no other process writes.

    Each event is one write of one whole line before the request is answered, so no event of an
    answered request is lost, however the service is stopped. While the disk refuses writes, events
    wait, in order, until `tick` can write them; so `write` never fails because of the disk. They
    wait outside the process (`Backlog`), and survive it: the next process with the log's number
    writes them. A line that was written in part is finished before the next one.

    Thread-safe. Open it after a fork, not before.
    """

    def __init__(
        self,
        directory: Path,
        workers: int,
        options: LogConfig,
        clock: Callable[[], float] = time.time,
        *,
        elapsed: Callable[[], float] = time.monotonic,
        ledger: Ledger | None = None,
        spill_places: Sequence[Path] | None = None,
        claimed: tuple[Path, int] | None = None,
    ) -> None:
        """Take a free number, and append to its newest file if that is below the limits.

        `workers`: of the service; if it is 1, the first file has no number. `clock`: seconds since
        the epoch. `elapsed`: seconds of a clock that is never set, the same for all processes.
        `ledger`: where all workers count, if there are several. `claimed`: a number that is ours
        already, as `claim` returns it; then only what waits under it is written. A line that a
        crash cut off is terminated first. Raises InputError if the directory cannot hold the log.
        """
        self._directory = directory
        self._options = options
        self._clock = clock
        self._elapsed = elapsed
        self._places = places() if spill_places is None else spill_places
        self._ledger = Ledger() if ledger is None else ledger
        self._checks_directory = claimed is None
        self._lock = threading.Lock()
        self._rotation_error: OSError | None = None  # why no new file can be made
        self._logged_failure = ""
        with ExitStack() as undo:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                self._base, self._claim = claimed or claim(directory, workers)
                undo.callback(os.close, self._claim)
                self._segment = resume(self._base, clock())
                undo.callback(self._segment.close)
                self._account = self._ledger.take(key_of(self._base))
                undo.callback(self._account.release)
                found = recover(
                    self._base, self._claim, self._segment, self._account, self._places
                )
                self._first_event_at: float | None = None  # when its first event happened
                if self._segment.size:
                    self._first_event_at = elapsed() - max(
                        0.0, clock() - self._segment.first_event()
                    )
                self._partial = found.done  # bytes of the first waiting line that are in the file
                self._torn = not self._partial and self._segment.torn()
            except OSError as error:
                raise unusable(directory, error) from error
            undo.pop_all()
        self._count = self._account.cells
        self._backlog = Backlog(self._account, found.spill, elapsed)
        self._limit = options.rotate_bytes
        self._queueing = self._torn or len(self._backlog) > 0  # then `write` queues
        self._free = 0
        self._unshipped = Unshipped(0, 0)
        self._checked_at = -_CHECK_SECONDS
        self._save_position()
        self.tick()

    def write(self, event: dict[str, object]) -> None:
        """Append one event: it is on disk, or waits for it. Raises ValueError after `close`."""
        line = encode(event) + b"\n"
        with self._lock:
            taken = 0 if self._queueing else self._segment.append(line)
            if taken == len(line):
                self._count[WRITTEN] += 1
                if self._segment.size >= self._limit:
                    self._rotate()
            else:
                self._enqueue(line, taken)

    def write_all(self, events: Iterable[Mapping[str, object]]) -> int:
        """Append events, in one write where the disk takes it.

        Returns how many of them, from the first on, are on disk or wait for it: fewer than all if
        there is no room for the others to wait. Raises ValueError after `close`.
        """
        lines = [encode(event) + b"\n" for event in events]
        with self._lock:
            taken = 0 if self._queueing else self._segment.append(b"".join(lines))
            done = 0
            while done < len(lines) and taken >= len(lines[done]):
                taken -= len(lines[done])
                done += 1
            self._count[WRITTEN] += done
            while done < len(lines) and self._enqueue(lines[done], taken):
                done += 1
                taken = 0
            if not self._queueing and self._segment.size >= self._limit:
                self._rotate()
            return done

    def tick(self) -> None:
        """Periodic work, to be called once a second from one thread.

        Writes what waits; begins a new file if the current one is old, or was moved or deleted;
        checks the free space; deletes shipped files if so configured.
        """
        with self._lock:
            if self._segment.closed:
                return
            left, size = self._segment.path, self._segment.size
            moved = not self._segment.in_place()
            if self._segment.size < size:  # it was truncated
                self._partial = 0
                self._torn = self._segment.torn()
                self._queueing = self._queueing or self._torn
            if moved and not self._rotate():
                self._queueing = True  # what is written to it now would be lost with it
        if not moved:
            self._drain()
            self._rotate_if_due()
        elif self._segment.path != left:
            _logger.warning(
                "event log: %s was moved or deleted by another process, and with it perhaps the"
                " events of the last second; the next file is %s",
                left,
                self._segment.path,
            )
            self._drain()
        if self._checks_directory:
            self._check_directory()
        self._log_state_change()

    def status(self) -> LogStatus:
        """The state now; free space and unshipped files as of the last checks."""
        with self._lock:
            return LogStatus(
                path=self._segment.path,
                written=self._count[WRITTEN],
                lost=self._count[LOST],
                pending=self._count[SPILLED] + self._count[IN_MEMORY],
                lag_seconds=self._backlog.age(),
                failing=self._failing(),
                free_bytes=self._free,
                low_space=self._free < self._options.min_free_bytes,
                unshipped_files=self._unshipped.files,
                unshipped_bytes=self._unshipped.bytes,
                in_memory=self._count[IN_MEMORY],
            )

    def close(self) -> None:
        """Write what waits, if the disk takes it now, and release file and number.

        What the disk refuses stays in the spill file for the next process with this number. What
        is only in memory is lost, and counted as lost.
        """
        self.tick()
        with self._lock:
            if self._segment.closed:
                return
            self._segment.cut(self._partial)
            self._partial = 0
            self._save_position()
            waiting, place = len(self._backlog), self._backlog.place
            self._segment.close()
            lost = self._backlog.close()
            self._count[FAILING] = 0
            self._account.release()  # before the number: its next owner takes the slot
            os.close(self._claim)
            self._queueing = True  # so that a late write raises
        if waiting > lost:
            _logger.error(
                "the event log was closed; %d events wait in %s for the next start",
                waiting - lost,
                place,
            )
        if lost:
            _logger.error("the event log was closed; %d events were lost", lost)

    def _enqueue(self, line: bytes, taken: int) -> bool:
        """Add a line to the backlog; the file has its first `taken` bytes. Returns whether there
        was room for it."""
        if self._segment.closed:
            raise ValueError("the event log is closed")
        self._partial += taken
        added = self._backlog.add(line, self._position(), must=taken > 0)
        if added and not self._queueing:
            self._queueing = True
            self._count[FAILING] = 1
        return added

    def _position(self) -> Position:
        """Where the first waiting line belongs, after the end of a torn line."""
        return self._segment.position(self._partial - self._torn)

    def _save_position(self, position: Position | None = None) -> None:
        """Record where the log continues, for the next process after a crash."""
        with suppress(OSError):
            self._backlog.mark(position or self._position())
        self._account.mark(*(position or self._segment.position()))

    def _drain(self) -> None:
        """Write what waits until nothing is left or the disk refuses."""
        more = True
        while more:
            with self._lock:
                if self._segment.closed or not self._queueing:
                    return
                more = self._write_batch() or self._try_another_file()

    def _write_batch(self) -> bool:
        """Write some of what waits; False if the disk refuses."""
        if self._torn:
            if not self._segment.append(b"\n"):
                return False
            self._torn = False
            self._save_position()  # from here on, lines of events
        for _ in range(min(_BATCH, len(self._backlog))):
            line = self._backlog.first()
            self._partial += self._segment.append(line[self._partial :])
            if self._partial < len(line):
                return False
            self._first_written()
        self._queueing = len(self._backlog) > 0
        self._save_position()
        return True

    def _first_written(self) -> None:
        """The first waiting line is in the file."""
        self._backlog.written()
        self._partial = 0
        if self._segment.size >= self._limit:
            self._rotate()

    def _rotate(self) -> bool:
        """Begin the next file; False if that fails."""
        try:
            self._switch_to(begin(self._base, self._clock(), self._segment.path))
        except OSError as error:
            self._rotation_error = error
            self._limit = sys.maxsize  # retried by the next tick, not with every event
            return False
        self._save_position()
        return True

    def _switch_to(self, segment: Segment) -> None:
        # A line that was written in part is written again in the next file.
        self._segment.cut(self._partial)
        self._segment.close()
        self._partial = 0
        self._torn = False
        self._segment = segment
        self._first_event_at = None
        self._rotation_error = None
        self._limit = self._options.rotate_bytes

    def _try_another_file(self) -> bool:
        """If the reason is not a lack of space (a file too large, a bad sector), a new file may
        take what this one refuses. Returns whether it did."""
        refusal = self._segment.refusal
        if not self._backlog or refusal is None:
            return False
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        with suppress(OSError):
            segment = begin(self._base, self._clock(), self._segment.path)
            line = self._backlog.first()
            self._save_position(
                segment.position()
            )  # first: the line must not be there without a record of it
            if segment.append(line) == len(line):
                self._switch_to(segment)
                self._first_written()
                self._save_position()
                return True
            segment.close()
            segment.path.unlink()
            self._save_position()
        return False

    def _rotate_if_due(self) -> None:
        with self._lock:
            if self._segment.closed:
                return
            now = self._elapsed()
            size = self._segment.size
            if size and self._first_event_at is None:
                self._first_event_at = now  # its first event came since the last tick
            old = (
                self._first_event_at is not None
                and now - self._first_event_at >= self._options.rotate_seconds
            )
            if old or size >= self._options.rotate_bytes:
                if not self._queueing:
                    self._rotate()
            else:
                self._rotation_error = None
                self._limit = self._options.rotate_bytes
            self._backlog.move_to_spill(self._position())
            self._save_position()

    def _check_directory(self) -> None:
        with suppress(OSError):  # the directory is gone; the figures stay
            self._free = shutil.disk_usage(self._directory).free
        now = self._elapsed()
        if abs(now - self._checked_at) >= _CHECK_SECONDS:
            self._checked_at = now
            self._unshipped = unshipped_files(self._directory, self._options.delete_shipped)
            self._write_orphans()

    def _write_orphans(self) -> None:
        """Write what waits under numbers that no process has any more."""
        for claimed in orphans(self._directory, self._places, self._clock()):
            with suppress(InputError):  # the next check tries again
                EventLog(
                    self._directory,
                    1,
                    self._options,
                    self._clock,
                    elapsed=self._elapsed,
                    ledger=self._ledger,
                    spill_places=self._places,
                    claimed=claimed,
                ).close()
        lost = self._ledger.write_off(lambda key: outcome(self._directory, key, self._places))
        if lost:
            _logger.error(
                "event log: %d events are lost: the file that held them was deleted", lost
            )

    def _failing(self) -> str:
        if self._queueing and (refusal := self._segment.refusal):
            return f"{self._segment.path} cannot be written: {refusal.strerror}"
        if self._rotation_error:
            return (
                f"no file can be made after {self._segment.path}: {self._rotation_error.strerror}"
            )
        return ""

    def _log_state_change(self) -> None:
        """Log when a failure begins or ends."""
        status = self.status()
        self._count[FAILING] = bool(status.failing)
        if status.failing and not self._logged_failure:
            _logger.error("event log: %s", status.failing)
        elif self._logged_failure and not status.failing:
            lost = self._ledger.totals().lost
            _logger.warning(
                "event log: recovered; the service has lost %d events since it started", lost
            )
        self._logged_failure = status.failing
