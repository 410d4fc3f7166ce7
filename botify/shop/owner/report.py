"""The figures of the event log, counted in the background and kept for a while."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from botify.event_log.segments import log_files
from botify.shop.owner.figures import Figures, Tally

MOST_BYTES = 64 * 2**20
"""Of the log, the newest ones, that are read."""
FRESH_SECONDS = 60.0
"""How long figures are kept before the log is read again."""
_LINES = 200
_REST = 2.0
"""Times as long as it took to count some lines, nothing is done: requests come first."""
_DAY_MS = 86_400_000

_log = logging.getLogger("botify.shop.owner")


class Report(NamedTuple):
    """What is known at the moment."""

    figures: Figures | None
    """None while the log is read for the first time."""
    read: float
    """Share of the log that was read so far; 1.0 with figures."""
    as_of: float
    """time.time() when the reading began."""
    left_out: int
    """Bytes of the log's older part that were not read."""
    error: str = ""
    """Why the log could not be read."""


class OwnerReport:
    """Reads the log when it is asked and its figures are old."""

    def __init__(self, log_dir: Path, most: int = MOST_BYTES) -> None:
        """`most`: bytes of the log that are read at most."""
        self._log_dir = log_dir
        self._most = most
        self._lock = threading.Lock()
        self._reports: dict[int, Report] = {}
        self._running: set[int] = set()

    def of(self, days: int, wait: float) -> Report:
        """Figures of the last `days` days; of a minute ago at most, or as they are after `wait`
        seconds."""
        with self._lock:
            known = self._reports.get(days)
            fresh = known and known.figures and time.time() - known.as_of < FRESH_SECONDS
            if known is not None and fresh:
                return known
            if days not in self._running:
                self._running.add(days)
                threading.Thread(target=self._count, args=(days,), daemon=True).start()
        until = time.monotonic() + wait
        while time.monotonic() < until:
            with self._lock:
                if days not in self._running:
                    break
            time.sleep(0.01)
        with self._lock:
            return self._reports.get(days) or Report(None, 0.0, time.time(), 0)

    def _count(self, days: int) -> None:
        began = time.time()
        tally = Tally(int(began * 1000) - days * _DAY_MS)
        parts, left_out = newest(self._log_dir, self._most)
        total = sum(size for _, _, size in parts)
        done, error = 0, ""
        try:
            for path, offset, size in parts:
                for count in _counted(tally, path, offset, size):
                    done += count
                    self._told(days, Report(None, done / max(total, 1), began, left_out))
        except Exception as failure:
            _log.exception("the figures of the event log could not be counted")
            error = f"{type(failure).__name__}: {failure}"
        with self._lock:
            figures = None if error else tally.figures()
            self._reports[days] = Report(figures, 1.0, began, left_out, error)
            self._running.discard(days)

    def _told(self, days: int, report: Report) -> None:
        with self._lock:
            known = self._reports.get(days)
            if known is None or known.figures is None:  # older figures are better than none
                self._reports[days] = report


def newest(log_dir: Path, most: int) -> tuple[list[tuple[Path, int, int]], int]:
    """Files of the log with the place to read from and the bytes from there, newest first, and
    the bytes of all that is left out."""
    found = []
    for path in log_files(log_dir):
        with suppress(OSError):  # shipped and deleted meanwhile
            about = path.stat()
            found.append((about.st_mtime, path, about.st_size))
    parts, left, out = [], most, 0
    for _, path, size in sorted(found, reverse=True):
        taken = min(size, left)
        left -= taken
        out += size - taken
        if taken:
            parts.append((path, size - taken, taken))
    return parts, out


def _counted(tally: Tally, path: Path, offset: int, size: int) -> Iterator[int]:
    """Count the lines; yields the bytes of some of them at a time, and rests meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # shipped and deleted meanwhile
        yield size
        return
    with file:
        if offset:
            file.seek(offset - 1)
            file.readline()  # the rest of a line that began before
        end = offset + size
        while file.tell() < end:
            began, before = time.perf_counter(), file.tell()
            for _ in range(_LINES):
                line = file.readline()
                if not line.endswith(b"\n") or file.tell() > end:
                    file.seek(0, os.SEEK_END)  # not whole yet: it counts the next time
                    break
                try:
                    tally.add(orjson.loads(line))
                except ValueError:
                    tally.malformed()
            yield min(file.tell(), end) - before
            time.sleep(_REST * (time.perf_counter() - began))
