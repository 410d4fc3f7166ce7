"""The event log: what was asked and what was answered, one JSON object per line."""

import errno
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from botify.config import LogConfig
from botify.errors import InputError
from botify.event_log.backlog import Backlog
from botify.event_log.ledger import FAILING, IN_MEMORY, LOST, SPILLED, WRITTEN, Ledger
from botify.event_log.recovery import abandoned, fate, recover
from botify.event_log.segments import (
    Segment,
    Unshipped,
    begin,
    claim,
    key_of,
    resume,
    tidy,
    unusable,
)
from botify.event_log.spill import Position, places
from botify.files.jsonlines import encode

_BATCH = 256
"""Waiting lines that are written before requests that wait for the lock have their turn."""
_TIDY_SECONDS = 10.0
"""How often the directory is looked through, which may hold thousands of files."""

_logger = logging.getLogger(__name__)


class LogStatus(NamedTuple):
    """How the log of one worker fares."""

    path: Path
    """The file that is written now."""
    written: int
    """Events on disk, those of dead workers in whose place this one is included."""
    lost: int
    """Events that the disk refused and nothing else had room for; of the same workers."""
    pending: int
    """Events that wait, as the disk refuses them."""
    lag_seconds: float
    """Age of the oldest of them; 0 where there is none."""
    failing: str
    """What is wrong, in a few words; empty where nothing is."""
    free_bytes: int
    low_space: bool
    """Whether the disk has less free than is asked for."""
    unshipped_files: int
    unshipped_bytes: int
    """Of the whole directory, the files of other workers included."""
    in_memory: int = 0
    """Pending events that are in this process's memory alone."""


class EventLog:
    """Appends to files that no other process writes, a worker's own series of them.

    Each event is one write of one whole line, made before the request is answered, so stopping
    the service in any way loses no event of an answered request. Only while the disk refuses do
    events wait, in order, to be written by `tick`; so `write` never fails for the disk. They
    wait where the process's death does not take them (`Backlog`), and who has the log's number
    next writes them. A line the disk took in part is finished before the next one begins.

    For any number of threads of one process; open it after a fork, not before.
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
        """Take a free number, and go on with its newest file if that is below the limits.

        `workers`: how many the service has; a single one's first file has no number. `clock`
        gives seconds since the epoch; `elapsed` those since some moment that is the same for all
        processes, whatever happens to the clock. `ledger`: where all workers count, if this is
        not the only one. `claimed`: a number that is ours already, as of `claim`; then nothing
        is done but write what waits there. A line that a crash cut is ended first, so that ours
        stands alone. Raises InputError where the directory cannot hold the log.
        """
        self._directory = directory
        self._options = options
        self._clock = clock
        self._elapsed = elapsed
        self._places = places() if spill_places is None else spill_places
        self._ledger = Ledger() if ledger is None else ledger
        self._looks_around = claimed is None
        self._lock = threading.Lock()
        self._stuck: OSError | None = None  # why no new file can be begun
        self._told = ""
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
                self._begun: float | None = None  # when its first event happened
                if self._segment.size:
                    self._begun = elapsed() - max(0.0, clock() - self._segment.first_event())
                self._done = found.done  # bytes of the first pending line that are in the file
                self._torn = not self._done and self._segment.torn()
            except OSError as error:
                raise unusable(directory, error) from error
            undo.pop_all()
        self._count = self._account.cells
        self._backlog = Backlog(self._account, found.spill, elapsed)
        self._limit = options.rotate_bytes
        self._behind = self._torn or len(self._backlog) > 0  # then writes queue up
        self._free = 0
        self._unshipped = Unshipped(0, 0)
        self._tidied = -_TIDY_SECONDS
        self._note()
        self.tick()

    def write(self, event: dict[str, object]) -> None:
        """Append one event; it is on disk, or waits for the disk, when this returns.

        Raises ValueError after `close`.
        """
        line = encode(event) + b"\n"
        with self._lock:
            taken = 0 if self._behind else self._segment.append(line)
            if taken == len(line):
                self._count[WRITTEN] += 1
                if self._segment.size >= self._limit:
                    self._rotate()
            else:
                self._keep(line, taken)

    def tick(self) -> None:
        """What needs doing once a second, from one thread.

        Writes what waits, begins a new file where the present one is old, was moved or was
        deleted by a person, looks at the free space, and deletes shipped files if asked to.
        """
        with self._lock:
            if self._segment.closed:
                return
            left, size = self._segment.path, self._segment.size
            taken_away = not self._segment.in_place()
            if self._segment.size < size:  # a person emptied it
                self._done = 0
                self._torn = self._segment.torn()
                self._behind = self._behind or self._torn
            if taken_away and not self._rotate():
                self._behind = True  # what were written now would be gone with the file
        if not taken_away:
            self._drain()
            self._rotate_if_due()
        elif self._segment.path != left:
            _logger.warning(
                "event log: somebody moved or deleted %s, and perhaps its last second"
                " of events; %s follows",
                left,
                self._segment.path,
            )
            self._drain()
        if self._looks_around:
            self._look_around()
        self._tell()

    def status(self) -> LogStatus:
        """How it fares now; free space and unshipped files as of the last ticks."""
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
        """Write what waits, if the disk takes it now, and give up file and number.

        What it refuses stays in the spill file for whoever has the number next. What no such
        file took is lost, and counted as such.
        """
        self.tick()
        with self._lock:
            if self._segment.closed:
                return
            self._segment.cut(self._done)
            self._done = 0
            self._note()
            waiting, place = len(self._backlog), self._backlog.place
            self._segment.close()
            lost = self._backlog.close()
            self._count[FAILING] = 0
            self._account.release()  # before the number, whose next owner takes it
            os.close(self._claim)
            self._behind = True  # so that a late write is told
        if waiting > lost:
            _logger.error(
                "the event log is closed; %d events wait in %s for the next start",
                waiting - lost,
                place,
            )
        if lost:
            _logger.error("the event log is closed; %d events were lost", lost)

    def _keep(self, line: bytes, taken: int) -> None:
        """Let a line wait, of which the file took the first bytes."""
        if self._segment.closed:
            raise ValueError("the event log is closed")
        self._done += taken
        if self._backlog.add(line, self._position(), must=taken > 0) and not self._behind:
            self._behind = True
            self._count[FAILING] = 1

    def _position(self) -> Position:
        """Where the first waiting line belongs; the end of a torn one comes before."""
        return self._segment.position(self._done - self._torn)

    def _note(self, position: Position | None = None) -> None:
        """Say where the log goes on, for whoever does that after a crash."""
        with suppress(OSError):
            self._backlog.mark(position or self._position())
        self._account.mark(*(position or self._segment.position()))

    def _drain(self) -> None:
        """Write what waits until nothing does or the disk refuses."""
        more = True
        while more:
            with self._lock:
                if self._segment.closed or not self._behind:
                    return
                more = self._write_batch() or self._try_another_file()

    def _write_batch(self) -> bool:
        """Write some of what waits; False where the disk refuses."""
        if self._torn:
            if not self._segment.append(b"\n"):
                return False
            self._torn = False
            self._note()  # what comes now are lines that count
        for _ in range(min(_BATCH, len(self._backlog))):
            line = self._backlog.first()
            self._done += self._segment.append(line[self._done :])
            if self._done < len(line):
                return False
            self._take_first()
        self._behind = len(self._backlog) > 0
        self._note()
        return True

    def _take_first(self) -> None:
        """The first waiting line is in the file now."""
        self._backlog.written()
        self._done = 0
        if self._segment.size >= self._limit:
            self._rotate()

    def _rotate(self) -> bool:
        """Leave the file and begin the next one; False where that cannot be."""
        try:
            self._leave_for(begin(self._base, self._clock(), self._segment.path))
        except OSError as error:
            self._stuck = error
            self._limit = sys.maxsize  # not again with every event, but with the next tick
            return False
        self._note()
        return True

    def _leave_for(self, segment: Segment) -> None:
        # A line that has begun there begins again here.
        self._segment.cut(self._done)
        self._segment.close()
        self._done = 0
        self._torn = False
        self._segment = segment
        self._begun = None
        self._stuck = None
        self._limit = self._options.rotate_bytes

    def _try_another_file(self) -> bool:
        """Where it is not space that lacks (a file grown too large, a bad sector), a new file
        may take what this one refuses; True if it does."""
        refusal = self._segment.refusal
        if not self._backlog or refusal is None:
            return False
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        with suppress(OSError):
            segment = begin(self._base, self._clock(), self._segment.path)
            line = self._backlog.first()
            self._note(segment.position())  # first: the line must not be there unknown
            if segment.append(line) == len(line):
                self._leave_for(segment)
                self._take_first()
                self._note()
                return True
            segment.close()
            segment.path.unlink()
            self._note()
        return False

    def _rotate_if_due(self) -> None:
        with self._lock:
            if self._segment.closed:
                return
            now = self._elapsed()
            size = self._segment.size
            if size and self._begun is None:
                self._begun = now  # its first event came within the last tick
            old = self._begun is not None and now - self._begun >= self._options.rotate_seconds
            if old or size >= self._options.rotate_bytes:
                if not self._behind:
                    self._rotate()
            else:
                self._stuck = None
                self._limit = self._options.rotate_bytes
            self._backlog.settle(self._position())
            self._note()

    def _look_around(self) -> None:
        with suppress(OSError):  # the directory is gone; the figures stay as they were
            self._free = shutil.disk_usage(self._directory).free
        now = self._elapsed()
        if abs(now - self._tidied) >= _TIDY_SECONDS:
            self._tidied = now
            self._unshipped = tidy(self._directory, self._options.delete_shipped)
            self._adopt()

    def _adopt(self) -> None:
        """Write what waits under numbers that nobody has any more."""
        for claimed in abandoned(self._directory, self._places, self._clock()):
            with suppress(InputError):  # the next round tries again
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
        lost = self._ledger.write_off(lambda key: fate(self._directory, key, self._places))
        if lost:
            _logger.error("event log: %d events are lost: somebody deleted what held them", lost)

    def _failing(self) -> str:
        if self._behind and (refusal := self._segment.refusal):
            return f"{self._segment.path} takes no more events: {refusal.strerror}"
        if self._stuck:
            return f"no file can follow {self._segment.path}: {self._stuck.strerror}"
        return ""

    def _tell(self) -> None:
        """Log it when something begins or ceases to be wrong."""
        status = self.status()
        self._count[FAILING] = bool(status.failing)
        if status.failing and not self._told:
            _logger.error("event log: %s", status.failing)
        elif self._told and not status.failing:
            lost = self._ledger.totals().lost
            _logger.warning(
                "event log: writes again; the service has lost %d events since it started", lost
            )
        self._told = status.failing
