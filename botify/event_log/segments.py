"""The files of the event log: names, ownership, deletion.

A worker owns a number, and with it a series of files: `data.json.1`, then, one after the other,
`data.json.1.20261122T223012.345Z` (UTC). A name is given once and never changed, so that a shipper
that has half of a file finds the rest under the same name.
"""

import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from botify.errors import InputError
from botify.event_log.spill import Position
from contract.events import LOG_NAME

PREFIX = LOG_NAME
_NAME = re.compile(r"(?P<base>data\.json(\.\d+)?)(\.(?P<stamp>\d{8}T\d{6}\.\d{3})Z)?")
_STAMP = "%Y%m%dT%H%M%S.%f"


class Segment:
    """One open file that no other process appends to: it is locked (flock) while it is open.

    Not thread-safe. `size` is counted here and corrected by `in_place`.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        """Open or, with `new`, make the file. Raises OSError: BlockingIOError if another process
        writes it, FileExistsError if the name of a new one is taken."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self.path = path
        self.refusal: OSError | None = None
        """Why the last `append` wrote only a part."""
        self._fd = os.open(path, flags | os.O_CREAT | os.O_EXCL if new else flags, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise
        status = os.fstat(self._fd)
        self.size = status.st_size
        self._identity = status.st_dev, status.st_ino

    def position(self, back: int = 0) -> Position:
        """The end of the file, or `back` bytes before it."""
        return Position(*self._identity, max(0, self.size - back))

    def read(self, offset: int, size: int) -> bytes:
        """These bytes; fewer at the end of the file."""
        return os.pread(self._fd, size, offset)

    def append(self, data: bytes) -> int:
        """Returns the number of bytes written: all, or fewer; then `refusal` is the reason."""
        taken = 0
        try:
            while taken < len(data):
                taken += os.write(self._fd, data[taken:])
        except OSError as error:
            self.refusal = error
        else:
            self.refusal = None
        self.size += taken
        return taken

    def cut(self, count: int) -> None:
        """Remove the last `count` bytes, if the disk allows it."""
        if count:
            with suppress(OSError):
                os.ftruncate(self._fd, max(0, self.size - count))

    def torn(self) -> bool:
        """Whether the file ends within a line."""
        return bool(self.size) and os.pread(self._fd, 1, self.size - 1) != b"\n"

    def first_event(self) -> float:
        """Timestamp of its first event, or its modification time if that line cannot be read.

        Seconds since the epoch. The creation time is not used: few systems have it, and a copy has
        another.
        """
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            line, _, _ = os.pread(self._fd, 1 << 16, 0).partition(b"\n")
            event = orjson.loads(line)
            # An event of a visitor may be older than the file: `received` is when it came.
            return float(event.get("received", event["timestamp"])) / 1000
        return os.fstat(self._fd).st_mtime

    def in_place(self) -> bool:
        """Whether its name still leads to this file, which may have been moved or deleted."""
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # unknown; the next write will show
        if (status.st_dev, status.st_ino) != self._identity:
            return False
        self.size = status.st_size
        return True

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._fd < 0

    def close(self) -> None:
        """Close the file and release its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def claim(directory: Path, workers: int) -> tuple[Path, int]:
    """Take the first number that no running process has.

    Returns the path of the number's first file, and the descriptor of its lock file: the number
    is ours until that is closed, or the process ends. Lock files stay; without a lock they have no
    meaning. A single worker has the name without a number.

    Raises OSError if no lock file can be made.
    """
    number = 0
    while True:
        name = PREFIX if workers == 1 and number == 0 else f"{PREFIX}.{number}"
        number += 1
        try:
            return directory / name, claim_number(directory / name)
        except (PermissionError, IsADirectoryError):
            if not lock_file(directory / name).exists():
                raise
            # another user's number
        except BlockingIOError:
            continue


def claim_number(base: Path) -> int:
    """Take the number of `base`. Returns the descriptor of its lock file, as `claim` does.

    Raises OSError: BlockingIOError if another process has it.
    """
    descriptor = os.open(lock_file(base), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def lock_file(base: Path) -> Path:
    """The hidden file that is locked while a process has the number of `base`."""
    return base.with_name(f".{base.name}.lock")


def key_of(base: Path) -> int:
    """A positive integer for the number: 1 for none, 2 for 0, and so on."""
    return int(base.name[len(PREFIX) + 1 :] or -1) + 2


def path_of_key(directory: Path, key: int) -> Path:
    """The path that `key_of` turned into this key."""
    return directory / (PREFIX if key == 1 else f"{PREFIX}.{key - 2}")


def numbers(directory: Path) -> list[Path]:
    """The paths of all numbers that any process has had."""
    found = []
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            base, dot, rest = entry.name[1:].rpartition(".")
            match = _NAME.fullmatch(base)
            if entry.name[0] == dot == "." and rest == "lock" and match and not match["stamp"]:
                found.append(directory / base)
    return found


def same_file(base: Path, device: int, inode: int) -> Path | None:
    """The file of the number with this identity, whatever its name is now."""
    with suppress(OSError):
        for name in _series(base):
            path = base.with_name(name)
            status = os.stat(path)
            if (status.st_dev, status.st_ino) == (device, inode):
                return path
    return None


def lines_from(path: Path, offset: int) -> int:
    """Number of whole lines from there on."""
    with path.open("rb") as file:
        file.seek(offset)
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


def resume(base: Path, now: float) -> Segment:
    """The newest file of the number `base`; a new one if there is none that we may write."""
    newest = max(_series(base), default=None)
    if newest is not None:
        with suppress(OSError):
            return Segment(base.with_name(newest), new=False)
    return begin(base, now)


def begin(base: Path, now: float, last: Path | None = None) -> Segment:
    """A new, empty file of the number `base`. Makes the directory if it is gone.

    Its name sorts after all existing ones, and after `last`, which may be gone, even if the clock
    was set back. Raises OSError.
    """
    base.parent.mkdir(parents=True, exist_ok=True)
    given = [*_series(base), *([last.name] if last else [])]
    newest = max(given, default=None)
    if newest is None:
        with suppress(FileExistsError, BlockingIOError):
            return Segment(base, new=True)
    stamp = int(now * 1000)
    if newest is not None and (match := _NAME.fullmatch(newest)) and match["stamp"]:
        with suppress(ValueError):  # not a date, so not a name of ours
            before = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC)
            stamp = max(stamp, round(before.timestamp() * 1000) + 1)
    while True:
        second = datetime.fromtimestamp(stamp // 1000, UTC)
        name = f"{base.name}.{second:%Y%m%dT%H%M%S}.{stamp % 1000:03}Z"
        with suppress(FileExistsError, BlockingIOError):
            return Segment(base.with_name(name), new=True)
        stamp += 1


def _series(base: Path) -> Iterator[str]:
    """Names of the files of one number."""
    with os.scandir(base.parent) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and match["base"] == base.name and entry.is_file():
                yield entry.name


class Unshipped(NamedTuple):
    """What is not marked as shipped in a directory of logs."""

    files: int
    bytes: int


def unshipped_files(directory: Path, delete_shipped: bool) -> Unshipped:
    """Count what is not marked as shipped; with `delete_shipped`, delete what is.

    A marker is a hidden file `.NAME.shipped` with the number of bytes of NAME that were shipped.
    Only files that were shipped to their last byte are deleted, with their markers; never one that
    a process writes, nor the newest of its number, whose name would be given again. Includes the
    files of all services that write to the directory.
    """
    names = _logs(directory)
    newest: dict[str, str] = {}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            newest[match["base"]] = name
    files = total = 0
    for name in names:
        path = directory / name
        with suppress(OSError):  # deleted meanwhile
            size = path.stat().st_size
            shipped = _shipped(path)
            if shipped is None or not 0 <= shipped <= size:
                shipped = 0  # the marker belongs to another file
            elif shipped == size and delete_shipped and _is_left(name, newest):
                _delete(path, size)
            if shipped < size:
                files += 1
                total += size - shipped
    return Unshipped(files, total)


def _is_left(name: str, newest: dict[str, str]) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and newest[match["base"]] != name


def _logs(directory: Path) -> list[str]:
    with suppress(OSError), os.scandir(directory) as entries:
        return [e.name for e in entries if e.name.startswith(PREFIX) and e.is_file()]
    return []


def log_files(directory: Path) -> list[Path]:
    """The files of all logs in the directory."""
    return [directory / name for name in _logs(directory)]


def _marker(path: Path) -> Path:
    return path.with_name(f".{path.name}.shipped")


def _shipped(path: Path) -> int | None:
    """Bytes that were shipped, by the marker; None if there is no readable one."""
    with suppress(OSError, ValueError):
        return int(_marker(path).read_text(encoding="ascii"))
    return None


def _delete(path: Path, size: int) -> None:
    # The marker last: alone it means nothing; without it, the file would be shipped again.
    with suppress(OSError), closing(Segment(path, new=False)) as segment:
        if segment.size == size:
            path.unlink()
            _marker(path).unlink()


def check(directory: Path) -> None:
    """Make the directory, and check that it can hold logs; leaves no file in it.

    Raises InputError with the reason.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise unusable(directory, error) from error


def unusable(directory: Path, error: OSError) -> InputError:
    """The error for a directory that cannot hold the log, with what to change."""
    place = f"{directory}: cannot hold the event log ({error.strerror})"
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return InputError(f"{place}: this file system has no file locks; take another directory")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return InputError(f"{place}; a file is in the way: name a directory with --log-dir")
    return InputError(f"{place}; make it writable, or name another with --log-dir")
