"""Recognises a log file by its content, not by its name."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

_FIRST, _LAST = 1 << 16, 1 << 12
"""Bytes of the first line, and of the last part read, that are compared."""

_CHUNK = 1 << 20

Identity = tuple[int, int]
"""Device and inode: what a rename leaves as it is."""


@dataclass(frozen=True)
class Known:
    """A log of plain text as far as it was read."""

    path: Path
    identity: Identity
    offset: int
    """Bytes that were read, all of them whole lines."""
    first: str
    """Digest of the first line."""
    last: str
    """Digest of the last 4 KiB before `offset`."""
    stat: tuple[int, int]
    """Size and time of the last change (ns) when it was looked at last."""

    @classmethod
    def of(cls, path: Path, offset: int, stat: os.stat_result) -> "Known":
        """The log at `path`, read up to `offset` bytes; `stat` is from before the reading."""
        with path.open("rb") as file:
            first, last = digests(file, offset)
        return cls(path, identity(stat), offset, first, last, changed(stat))

    def begins_with(self, path: Path) -> int:
        """How many bytes of whole lines `path` has where this log begins with them; else 0."""
        try:
            with path.open("rb") as file, self.path.open("rb") as own:
                end = last_newline(file, os.fstat(file.fileno()).st_size)
                if not 0 < end <= self.offset or identity(os.fstat(own.fileno())) != self.identity:
                    return 0
                return end if digests(file, end) == digests(own, end) else 0
        except OSError:
            return 0

    def is_start_of(self, path: Path) -> bool:
        """Whether `path` begins with all that was read of this log."""
        if not self.offset:
            return False
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self.offset:
                    return False
                return digests(file, self.offset) == (self.first, self.last)
        except OSError:
            return False

    def at(self, path: Path, stat: os.stat_result) -> "Known":
        """The same log under another name, or in another file."""
        return replace(self, path=path, identity=identity(stat), stat=changed(stat))


def identity(stat: os.stat_result) -> Identity:
    return stat.st_dev, stat.st_ino


def changed(stat: os.stat_result) -> tuple[int, int]:
    """What changes whenever a file is written to."""
    return stat.st_size, stat.st_mtime_ns


def digests(file: BinaryIO, offset: int) -> tuple[str, str]:
    """Of the first line, and of the last bytes before `offset`."""
    file.seek(0)
    first = file.readline(min(_FIRST, offset))
    file.seek(max(offset - _LAST, 0))
    last = file.read(min(offset, _LAST))
    return hashlib.sha256(first).hexdigest(), hashlib.sha256(last).hexdigest()


def last_newline(file: BinaryIO, end: int) -> int:
    """Where the last whole line of the first `end` bytes ends; 0 where there is none."""
    while end:
        start = max(end - _CHUNK, 0)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
