"""A file that may change at any time, and what was done at its last change."""

import time
from dataclasses import dataclass
from pathlib import Path

from botify.files.filestamp import Stamp, stamp_of


@dataclass
class WatchedFile:
    """The state of a watched file."""

    file: Path
    settle: float
    """Seconds for which it must not change: it may be written to slowly."""
    handled: Stamp | None = None
    """Its stamp when it was last loaded or refused."""
    refusal: str = ""
    """Why it was refused then, or that it is gone; empty if it was loaded."""

    def __post_init__(self) -> None:
        """A file that was not written to recently counts as settled."""
        self._seen = stamp_of(self.file)
        self._stable_since = time.monotonic() - max(0.0, time.time() - _modified_at(self.file))

    def poll(self) -> tuple[Stamp | None, bool]:
        """Its stamp now (None: no file), and whether it has not changed for `settle` s."""
        stamp, now = stamp_of(self.file), time.monotonic()
        if stamp != self._seen:
            self._seen, self._stable_since = stamp, now
        return stamp, now - self._stable_since >= self.settle

    def note_absence(self) -> bool:
        """The file is gone: say so in `refusal`. Returns whether this is new.

        It is read when there is one again, even the same.
        """
        absent = f"{self.file}: the file is gone"
        if self.refusal == absent:
            return False
        self.refusal, self.handled = absent, None
        return True


def _modified_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
