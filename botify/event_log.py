"""The event log: what was asked and what was answered, one JSON object per line."""

import errno
import logging
import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from botify.config import LogConfig
from botify.jsonlines import encode
from botify.log_files import Segment, Unshipped, begin, claim, resume, tidy, unusable

MEMORY = 16 * 2**20
"""Bytes that events may take in memory while the disk refuses them."""
_OVERHEAD = 144
"""Bytes that Python needs for a waiting line besides its text."""
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
    """Events on disk, since the start."""
    lost: int
    """Events that the disk refused and memory had no room for."""
    pending: int
    """Events in memory, which the disk refuses."""
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


class EventLog:
    """Appends to files that no other process writes, a worker's own series of them.

    Each event is one write of one whole line, made before the request is answered, so stopping
    the service in any way loses no event of an answered request. Only while the disk refuses do
    events wait in memory, in order, to be written by `tick`; so `write` never fails for the
    disk. A line the disk took in part is finished before the next one begins.

    For any number of threads of one process; open it after a fork, not before.
    """

    def __init__(
        self,
        directory: Path,
        workers: int,
        options: LogConfig,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a free number, and go on with its newest file if that is below the limits.

        `workers`: how many the service has; a single one's first file has no number. `clock`
        gives seconds since the epoch. A line that a crash cut is ended first, so that ours
        stands alone. Raises InputError where the directory cannot hold the log.
        """
        self._directory = directory
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._written = self._lost = 0
        self._pending: deque[tuple[bytes, float]] = deque()
        self._pending_bytes = 0
        self._done = 0  # bytes of the first pending line that are in the file
        self._stuck: OSError | None = None  # why no new file can be begun
        self._told = ""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._base, self._claim = claim(directory, workers)
            self._segment = resume(self._base, clock())
            self._torn = self._segment.torn()
            self._begun: float | None = None  # when its first event happened
            if self._segment.size:
                self._begun = min(clock(), self._segment.first_event())
        except OSError as error:
            raise unusable(directory, error) from error
        self._limit = options.rotate_bytes
        self._behind = self._torn  # then writes queue up
        self._free = 0
        self._unshipped = Unshipped(0, 0)
        self._tidied = -_TIDY_SECONDS
        self.tick()

    def write(self, event: dict[str, object]) -> None:
        """Append one event; it is on disk, or waits for the disk, when this returns.

        Raises ValueError after `close`.
        """
        line = encode(event) + b"\n"
        with self._lock:
            taken = 0 if self._behind else self._segment.append(line)
            if taken == len(line):
                self._count_written()
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
            left = self._segment.path
            taken_away = not self._segment.in_place()
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
        self._look_around()
        self._tell()

    def status(self) -> LogStatus:
        """How it fares now; free space and unshipped files as of the last ticks."""
        with self._lock:
            lag = max(0.0, self._clock() - self._pending[0][1]) if self._pending else 0.0
            return LogStatus(
                path=self._segment.path,
                written=self._written,
                lost=self._lost,
                pending=len(self._pending),
                lag_seconds=lag,
                failing=self._failing(),
                free_bytes=self._free,
                low_space=self._free < self._options.min_free_bytes,
                unshipped_files=self._unshipped.files,
                unshipped_bytes=self._unshipped.bytes,
            )

    def close(self) -> None:
        """Write what waits, if the disk takes it now, and give up file and number.

        What it refuses is lost, and counted as such.
        """
        self.tick()
        with self._lock:
            if self._segment.closed:
                return
            self._segment.cut(self._done)
            self._segment.close()
            os.close(self._claim)
            self._lost += len(self._pending)
            self._pending.clear()
            self._behind = True  # so that a late write is told
        if self._lost:
            _logger.error("the event log is closed; %d events were lost", self._lost)

    def _count_written(self) -> None:
        self._written += 1
        if self._segment.size >= self._limit:
            self._rotate()

    def _keep(self, line: bytes, taken: int) -> None:
        """Let a line wait, of which the file took the first bytes."""
        if self._segment.closed:
            raise ValueError("the event log is closed")
        if not taken and self._pending_bytes + len(line) + _OVERHEAD > MEMORY:
            self._lost += 1
            return
        self._pending.append((line, self._clock()))
        self._pending_bytes += len(line) + _OVERHEAD
        self._done += taken
        self._behind = True

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
        if self._torn and not self._segment.append(b"\n"):
            return False
        self._torn = False
        for _ in range(min(_BATCH, len(self._pending))):
            line, _ = self._pending[0]
            self._done += self._segment.append(line[self._done :])
            if self._done < len(line):
                return False
            self._take_first()
        self._behind = bool(self._pending)
        return True

    def _take_first(self) -> None:
        """The first waiting line is in the file now."""
        line, _ = self._pending.popleft()
        self._pending_bytes -= len(line) + _OVERHEAD
        self._done = 0
        self._count_written()

    def _rotate(self) -> bool:
        """Leave the file and begin the next one; False where that cannot be."""
        try:
            self._leave_for(begin(self._base, self._clock(), self._segment.path))
        except OSError as error:
            self._stuck = error
            self._limit = sys.maxsize  # not again with every event, but with the next tick
            return False
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
        if not self._pending or refusal is None:
            return False
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            return False
        with suppress(OSError):
            segment = begin(self._base, self._clock(), self._segment.path)
            line, _ = self._pending[0]
            if segment.append(line) == len(line):
                self._leave_for(segment)
                self._take_first()
                return True
            segment.close()
            segment.path.unlink()
        return False

    def _rotate_if_due(self) -> None:
        with self._lock:
            if self._segment.closed:
                return
            now = self._clock()
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

    def _look_around(self) -> None:
        with suppress(OSError):  # the directory is gone; the figures stay as they were
            self._free = shutil.disk_usage(self._directory).free
        now = self._clock()
        if abs(now - self._tidied) >= _TIDY_SECONDS:
            self._tidied = now
            self._unshipped = tidy(self._directory, self._options.delete_shipped)

    def _failing(self) -> str:
        if self._behind and (refusal := self._segment.refusal):
            return f"{self._segment.path} takes no more events: {refusal.strerror}"
        if self._stuck:
            return f"no file can follow {self._segment.path}: {self._stuck.strerror}"
        return ""

    def _tell(self) -> None:
        """Log it when something begins or ceases to be wrong."""
        status = self.status()
        if status.failing and not self._told:
            _logger.error("event log: %s", status.failing)
        elif self._told and not status.failing:
            _logger.warning("event log: writes again; %d events were lost", status.lost)
        self._told = status.failing
