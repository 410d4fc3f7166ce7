"""The event log: what was asked and what was answered, one JSON object per line."""

import os
import threading
from pathlib import Path

from botify.jsonlines import encode


class EventLog:
    """Appends to one file, which no other process writes.

    Each event is one write of one whole line, made before the request is answered: nothing waits
    in memory, so stopping the service in any way loses no event of an answered request.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file for appending; makes it and its directory where missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()  # a line in parts must not mix with another thread's
        size = os.fstat(self._file).st_size
        # A line that a crash cut is ended first, so that ours stands alone.
        self._torn = bool(size and os.pread(self._file, 1, size - 1) != b"\n")

    def write(self, event: dict[str, object]) -> None:
        """Append one event. Raises OSError where the disk refuses it.

        A line that the disk took in part is ended before the next one, so that only it is lost.
        """
        line = encode(event) + b"\n"
        with self._lock:
            if self._torn:
                os.write(self._file, b"\n")
                self._torn = False
            while line:
                written = os.write(self._file, line)
                line = line[written:]
                self._torn = bool(line)

    def close(self) -> None:
        """Close the file; nothing is pending."""
        os.close(self._file)


def log_name(worker: int, workers: int) -> str:
    """File name of a worker's log: `data.json`, with the worker's number where several write."""
    return "data.json" if workers == 1 else f"data.json.{worker}"
