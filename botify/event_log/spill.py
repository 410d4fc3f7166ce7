"""A file that holds what waits for the event log's disk, on another disk or in shared memory.

It belongs to a number of a log (`segments.claim`), and whoever has the number reads and writes
it. It is there only while something waits, and outlives whoever wrote it: the next one that takes
the number finds it, and goes on.

The log's file grows, while lines wait, by nothing but those lines. So where in which file the
first of them belongs says which were written already, whenever the writer was killed.
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
at this offset, offset. Their CRC-32 follows. Of the two headers the newer whole one counts."""
_RECORD = struct.Struct("<dII")
"""When the line came (s, monotonic), its bytes, and their CRC-32; the line follows."""
_CHECK = struct.Struct("<I")
_HEADERS = (0, 64)
_FIRST = 128
_NEW = ".new"
_SPARE = 64 * 2**20
"""Bytes that are left to others in the place, or a quarter of it where that is less."""


class Position(NamedTuple):
    """A place in a file of the log."""

    device: int
    inode: int
    size: int
    """Bytes before it."""


class Waiting(NamedTuple):
    """The first of the waiting lines."""

    line: bytes
    since: float
    """Seconds, monotonic."""


class Spill:
    """The spill file of one number. Not thread-safe."""

    def __init__(self, path: Path, limit: int) -> None:
        """`limit` in bytes, of what waits at a time. The file is made with the first line."""
        self.path = path
        self.count = 0
        """Lines that wait."""
        self._limit = limit
        self._file = -1
        self._start = self._end = _FIRST
        self._marks = 0
        self._head: Waiting | None = None

    @property
    def size(self) -> int:
        """Bytes that the waiting lines take."""
        return self._end - self._start

    def add(self, line: bytes, since: float, position: Position) -> bool:
        """Let a line wait; False where there is no room for it.

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
        """The line that has waited longest; there must be one. Raises OSError."""
        if self._head is None:
            since, size, _ = _RECORD.unpack(os.pread(self._file, _RECORD.size, self._start))
            line = os.pread(self._file, size, self._start + _RECORD.size)
            self._head = Waiting(line, since)
        return self._head

    def drop(self) -> None:
        """The first line is in the log; with the last one, the file goes."""
        self._start += _RECORD.size + len(self.first().line)
        self._head = None
        self.count -= 1
        if not self.count:
            self.clear()

    def mark(self, position: Position) -> None:
        """Note where the first waiting line belongs; needed where that is another file now."""
        if self._file >= 0:
            self._marks += 1
            header = _HEADER.pack(_MAGIC, self._marks, *position, self._start)
            header += _CHECK.pack(zlib.crc32(header))
            os.pwrite(self._file, header, _HEADERS[self._marks % 2])

    def clear(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            os.ftruncate(self._file, 0)
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Leave the file to whoever has the number next."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self.count = 0
        self._start = self._end = _FIRST
        self._head = None

    def reopen(self) -> Position | None:
        """Go on with the file that somebody left, if there is one.

        Returns where the first line that may wait still belongs; None where nothing waits. A
        line that its writer was killed in the middle of was never answered, and is left out.
        Raises OSError.
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
        """Drop what is in the log already; returns the bytes of the first that stays which are.

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
        elif self._end + len(record) - _FIRST > self._limit * 5 // 4:
            self._compact(position)
        if not _roomy(self._file, len(record)):
            return False
        if os.pwrite(self._file, record, self._end) < len(record):
            os.ftruncate(self._file, self._end)
            return False
        return True

    def _make(self, position: Position) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o600)
        self._start = self._end = _FIRST
        self.mark(position)

    def _compact(self, position: Position) -> None:
        """Give back the space of what was dropped."""
        old, path = self._file, self.path
        rest = os.pread(old, self._end - self._start, self._start)
        self.path = path.with_suffix(_NEW)
        self.path.unlink(missing_ok=True)
        start, end = self._start, self._end
        try:
            self._make(position)
            if not _roomy(self._file, len(rest)):
                raise OSError
            if os.pwrite(self._file, rest, _FIRST) < len(rest):
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
            self._end = _FIRST + len(rest)
        finally:
            self.path = path

    def _read_header(self, content: bytes) -> Position:
        """Where the first waiting line belongs; all 0 where nothing says it."""
        position = Position(0, 0, 0)
        self._start, self._marks = _FIRST, 0
        for at in _HEADERS:
            header = content[at : at + _HEADER.size]
            check = content[at + _HEADER.size : at + _HEADER.size + _CHECK.size]
            if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != zlib.crc32(header):
                continue
            magic, marks, *of_log, start = _HEADER.unpack(header)
            if magic == _MAGIC and marks > self._marks:
                position, self._start, self._marks = Position(*of_log), start, marks
        return position


def _line_at(content: bytes, start: int) -> bytes:
    """The line of the record there; empty where there is no whole one."""
    head = content[start : start + _RECORD.size]
    if len(head) < _RECORD.size:
        return b""
    _, size, check = _RECORD.unpack(head)
    line = content[start + _RECORD.size : start + _RECORD.size + size]
    return line if len(line) == size and zlib.crc32(line) == check else b""


def _roomy(file: int, size: int) -> bool:
    """Whether the place has room besides what is left to others."""
    space = os.fstatvfs(file)
    spare = min(_SPARE, space.f_blocks * space.f_frsize // 4)
    return space.f_bavail * space.f_frsize - size >= spare


def places() -> list[Path]:
    """Where spill files are looked for, and made in the first that will do."""
    found = [Path("/dev/shm")]
    with suppress(OSError):
        found.append(Path(tempfile.gettempdir()))
    return found


def spill_path(lock: os.stat_result, places: Sequence[Path]) -> Path | None:
    """Where what waits for a log is kept: a file that is there, or else one that can be made.

    `lock` is that of the lock file of the log's number. None where no place will do: it must be
    writable, and not the disk of the log itself.
    """
    # A directory of logs may be mounted elsewhere, or be seen under another name by a process in
    # a container: its lock file is the same, and no other has its inode and time.
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
    """Whether nobody else can put anything into the directory."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    private = status.st_mode & 0o077 == 0
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and private
