"""A file that may change at any time, and what became of it when it last did."""

import time
from dataclasses import dataclass
from pathlib import Path

from botify.files.filestamp import Stamp, stamp_of


@dataclass
class Watched:
    """What is remembered of a file."""

    file: Path
    settle: float
    """Seconds for which it must stay as it is: somebody may be writing to it slowly."""
    tried: Stamp | None = None
    """When it was last loaded or refused."""
    refusal: str = ""
    """Why it was refused then; empty where it was not."""

    def __post_init__(self) -> None:
        """The first look: a file that was not written to lately has settled."""
        self._seen = stamp_of(self.file)
        self._since = time.monotonic() - max(0.0, time.time() - _written(self.file))

    def look(self) -> tuple[Stamp | None, bool]:
        """Its stamp now, and whether it has been that for long enough."""
        stamp, now = stamp_of(self.file), time.monotonic()
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        return stamp, now - self._since >= self.settle


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
