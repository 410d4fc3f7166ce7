"""The spill file: lines that wait for the log's disk, on another disk or in shared memory.

It belongs to a number of a log (`segments.claim`); the process with the number reads and writes
it. It exists only while lines wait, and outlives the process: the next one with the number
continues with it.

While lines wait, only they are appended to the log's file. So the position of the first of them
shows which were written already, whenever the writer was killed.
"""

import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_MAGIC = b"botifyS1"
_HEADER = struct.Struct("<8sQQQQQ")
"""Magic, number of this header, device and inode of the log's file, its size before the record
at this offset, offset. Their CRC-32 follows. Of the two headers, the newer valid one counts."""
_RECORD = struct.Struct("<dII")
"""When the line came (s, monotonic), its bytes, and their CRC-32; the line follows."""
_CHECK = struct.Struct("<I")
_HEADER_OFFSETS = (0, 64)
_FIRST_RECORD = 128
_NEW = ".new"
_RESERVED = 64 * 2**20
"""Bytes left free for others in the place, or a quarter of it if that is less."""


class Position(NamedTuple):
    """A place in a file of the log."""

    device: int
    inode: int
    size: int
    """Bytes before it."""


class Waiting(NamedTuple):
    """A waiting line."""

    line: bytes
    since: float
    """Seconds, monotonic."""


class Spill:
    """The spill file of one number. Not thread-safe."""

    def __init__(self, path: Path, limit: int) -> None:
        """`limit`: bytes that may wait at a time. The file is made with the first line."""
        self.path = path
        self.count = 0
        """Lines that wait."""
        self._limit = limit
        self._file = -1
        self._start = self._end = _FIRST_RECORD
        self._marks = 0
        self._head: Waiting | None = None

    @property
    def size(self) -> int:
        """Bytes that the waiting lines take."""
        return self._end - self._start

    def add(self, line: bytes, since: float, position: Position) -> bool:
        """Add a line; False if there is no room for it.

        `position`: where the first waiting line begins, or would begin, in the log.
        """
        record = _RECORD.pack(since, len(line), zlib.crc32(line)) + line
        try:
            taken = self._append(record, position)
        except OSError:
            taken = False
        if taken:
            self._end += len(record)
            self.count += 1
        elif self._file >= 0 and not self.count:
            self.clear()
        return taken

    def first(self) -> Waiting:
        """The oldest line; there must be one. Raises OSError."""
        if self._head is None:
            since, size, _ = _RECORD.unpack(os.pread(self._file, _RECORD.size, self._start))
            line = os.pread(self._file, size, self._start + _RECORD.size)
            self._head = Waiting(line, since)
        return self._head

    def drop(self) -> None:
        """Remove the first line, which is in the log; with the last one, the file."""
        self._start += _RECORD.size + len(self.first().line)
        self._head = None
        self.count -= 1
        if not self.count:
            self.clear()

    def mark(self, position: Position) -> None:
        """Record where the first waiting line belongs; needed if that is another file now."""
        if self._file >= 0:
            self._marks += 1
            header = _HEADER.pack(_MAGIC, self._marks, *position, self._start)
            header += _CHECK.pack(zlib.crc32(header))
            os.pwrite(self._file, header, _HEADER_OFFSETS[self._marks % 2])

    def clear(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Keep the file for the next process with the number."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self.count = 0
        self._start = self._end = _FIRST_RECORD
        self._head = None

    def reopen(self) -> Position | None:
        """Continue with the file that another process left, if there is one.

        Returns where the first waiting line belongs; None if none waits. A line that its writer
        did not finish belongs to a request that was never answered, and is left out. Raises
        OSError.
        """
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        self.path.with_suffix(_NEW).unlink(missing_ok=True)
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        position = self._read_header(content)
        self._end = self._start
        while line := _line_at(content, self._end):
            self._end += _RECORD.size + len(line)
            self.count += 1
        if not self.count:
            self.clear()
            return None
        os.ftruncate(self._file, self._end)
        return position

    def skip(self, position: Position, read: Callable[[int, int], bytes]) -> int:
        """Drop lines that are in the log. Returns the bytes of the next one that are there too.

        `read(offset, size)` reads the file of `position`.
        """
        at = position.size
        while self.count:
            line = self.first().line
            found = read(at, len(line))
            if found != line:
                return len(found) if line.startswith(found) else 0
            at += len(line)
            self.drop()
        return 0

    def _append(self, record: bytes, position: Position) -> bool:
        if self._file < 0:
            self._make(position)
        elif self._end + len(record) - _FIRST_RECORD > self._limit * 5 // 4:
            self._compact(position)
        if not _has_room(self._file, len(record)):
            return False
        if os.pwrite(self._file, record, self._end) < len(record):
            os.ftruncate(self._file, self._end)
            return False
        return True

    def _make(self, position: Position) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self._start = self._end = _FIRST_RECORD
        self.mark(position)

    def _compact(self, position: Position) -> None:
        """Rewrite the file without the dropped lines."""
        old, path = self._file, self.path
        rest = os.pread(old, self._end - self._start, self._start)
        self.path = path.with_suffix(_NEW)
        self.path.unlink(missing_ok=True)
        start, end = self._start, self._end
        try:
            self._make(position)
            if not _has_room(self._file, len(rest)):
                raise OSError
            if os.pwrite(self._file, rest, _FIRST_RECORD) < len(rest):
                raise OSError
            self.path.replace(path)
        except OSError:
            if self._file != old:
                os.close(self._file)
            self.path.unlink(missing_ok=True)
            self._file, self._start, self._end = old, start, end
            raise
        else:
            os.close(old)
            self._end = _FIRST_RECORD + len(rest)
        finally:
            self.path = path

    def _read_header(self, content: bytes) -> Position:
        """Where the first waiting line belongs; all 0 if no header is valid."""
        position = Position(0, 0, 0)
        self._start, self._marks = _FIRST_RECORD, 0
        for at in _HEADER_OFFSETS:
            header = content[at : at + _HEADER.size]
            check = content[at + _HEADER.size : at + _HEADER.size + _CHECK.size]
            if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(header):
                continue
            magic, marks, *of_log, start = _HEADER.unpack(header)
            if magic == _MAGIC and marks > self._marks:
                position, self._start, self._marks = Position(*of_log), start, marks
        return position


def _line_at(content: bytes, start: int) -> bytes:
    """The line of the record there; empty if there is no complete one."""
    head = content[start : start + _RECORD.size]
    if len(head) < _RECORD.size:
        return b""
    _, size, check = _RECORD.unpack(head)
    line = content[start + _RECORD.size : start + _RECORD.size + size]
    return line if len(line) == size and zlib.crc32(line) == check else b""


def _has_room(file: int, size: int) -> bool:
    """Whether the place has room besides the reserve."""
    space = os.fstatvfs(file)
    spare = min(_RESERVED, space.f_blocks * space.f_frsize // 4)
    return space.f_bavail * space.f_frsize - size >= spare


def places() -> list[Path]:
    """Where spill files are looked for; new ones are made in the first suitable place."""
    found = [Path("/dev/shm")]
    with suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return found


def spill_path(lock: os.stat_result, places: Sequence[Path]) -> Path | None:
    """The spill file of a log's number: the existing one, or else one that can be made.

    `lock`: status of the number's lock file. None if no place is suitable: it must be writable,
    and not on the disk of the log itself.
    """
    # Not by the log's path: a container may see the directory under another one. Its lock file is
    # the same, and no other has its inode and time.
    name = f"{lock.st_dev:x}-{lock.st_ino:x}-{lock.st_mtime_ns:x}"
    private = [place / f"botify-log-{os.getuid()}" for place in places]
    for directory in private:
        if _is_ours(directory) and (directory / name).is_file():
            return directory / name
    for place, directory in zip(places, private, strict=True):
        with suppress(OSError):
            if os.stat(place).st_dev == lock.st_dev:
                continue
            with suppress(FileExistsError):
                directory.mkdir(mode=0o700)
            if _is_ours(directory) and os.access(directory, os.W_OK):
                return directory / name
    return None


def _is_ours(directory: Path) -> bool:
    """Whether only this user can write to the directory."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    private = status.st_mode & 0o077 == 0
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and private
