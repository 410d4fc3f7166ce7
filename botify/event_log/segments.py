"""The files of the event log: their names, who may write which, which may be deleted.

A worker owns a number, and with it a series of files: `data.json.1`, then, one after the other,
`data.json.1.20261122T223012.345Z` (UTC). A name is given once and never changed, so that whoever
has shipped half of a file finds the rest under the same name.
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

PREFIX = "data.json"
_NAME = re.compile(r"(?P<base>data\.json(\.\d+)?)(\.(?P<stamp>\d{8}T\d{6}\.\d{3})Z)?")
_STAMP = "%Y%m%dT%H%M%S.%f"


class Segment:
    """One open file that nobody else appends to; it is locked (flock) for as long as it is open.

    Not thread-safe. `size` is counted here and corrected by `in_place`.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        """Open or, with `new`, make the file. Raises OSError: BlockingIOError where another
        process writes it, FileExistsError where a new one's name is taken."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self.path = path
        self.refusal: OSError | None = None
        """Why the last `append` was not done in full."""
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
        """Where the file ends now, or so many bytes before."""
        return Position(*self._identity, max(0, self.size - back))

    def read(self, offset: int, size: int) -> bytes:
        """What is there; less at the end of the file."""
        return os.pread(self._fd, size, offset)

    def append(self, data: bytes) -> int:
        """How many bytes the file took: all, or fewer for the reason that is in `refusal`."""
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
        """Take the last `count` bytes away again, where the disk lets us."""
        if count:
            with suppress(OSError):
                os.ftruncate(self._fd, max(0, self.size - count))

    def torn(self) -> bool:
        """Whether the file ends within a line."""
        return bool(self.size) and os.pread(self._fd, 1, self.size - 1) != b"\n"

    def first_event(self) -> float:
        """When its first event happened, or, where the first line does not say, its last write.

        Seconds since the epoch. The time of birth is not used: few systems tell it, and a copy
        has another.
        """
        with suppress(ValueError, TypeError, KeyError):
            line, _, _ = os.pread(self._fd, 1 << 16, 0).partition(b"\n")
            return float(orjson.loads(line)["timestamp"]) / 1000
        return os.fstat(self._fd).st_mtime

    def in_place(self) -> bool:
        """Whether the file is still the one of its name: a person may have moved or deleted it."""
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # nobody knows; the next write will tell
        if (status.st_dev, status.st_ino) != self._identity:
            return False
        self.size = status.st_size
        return True

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._fd < 0

    def close(self) -> None:
        """Close the file and give up its lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def claim(directory: Path, workers: int) -> tuple[Path, int]:
    """Take the first number that no running process has.

    Returns the path of the number's first file, and the descriptor of its lock file: the number
    is ours until it is closed, or the process ends in whatever way. Lock files stay behind; an
    unlocked one means nothing. One worker alone has the name without a number.

    Raises OSError where no lock file can be made.
    """
    number = 0
    while True:
        name = PREFIX if workers == 1 and number == 0 else f"{PREFIX}.{number}"
        number += 1
        try:
            return directory / name, claim_one(directory / name)
        except (PermissionError, IsADirectoryError):
            if not lock_file(directory / name).exists():
                raise
            # another user's number
        except BlockingIOError:
            continue


def claim_one(base: Path) -> int:
    """Take the number of `base`; the descriptor of its lock file, as of `claim`.

    Raises OSError: BlockingIOError where another process has it.
    """
    descriptor = os.open(lock_file(base), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def lock_file(base: Path) -> Path:
    """The hidden file whose lock says that a process has the number of `base`."""
    return base.with_name(f".{base.name}.lock")


def key_of(base: Path) -> int:
    """A positive integer for the number: 1 for none, 2 for 0, and so on."""
    return int(base.name[len(PREFIX) + 1 :] or -1) + 2


def base_of(directory: Path, key: int) -> Path:
    """The path that `key_of` was given."""
    return directory / (PREFIX if key == 1 else f"{PREFIX}.{key - 2}")


def numbers(directory: Path) -> list[Path]:
    """The paths of all numbers that some process ever had."""
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
    """How many whole lines the file has from there on."""
    with path.open("rb") as file:
        file.seek(offset)
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


def resume(base: Path, now: float) -> Segment:
    """The newest file of the number `base`; a new one where there is none that we may write."""
    newest = max(_series(base), default=None)
    if newest is not None:
        with suppress(OSError):
            return Segment(base.with_name(newest), new=False)
    return begin(base, now)


def begin(base: Path, now: float, last: Path | None = None) -> Segment:
    """A new, empty file of the number `base`. Makes the directory where it is gone.

    Its name sorts behind those there are, and behind `last`, which may be there no more, even
    after the clock was set back. Raises OSError.
    """
    base.parent.mkdir(parents=True, exist_ok=True)
    given = [*_series(base), *([last.name] if last else [])]
    newest = max(given, default=None)
    if newest is None:
        with suppress(FileExistsError, BlockingIOError):
            return Segment(base, new=True)
    stamp = int(now * 1000)
    if newest is not None and (match := _NAME.fullmatch(newest)) and match["stamp"]:
        with suppress(ValueError):  # no date, and no name of ours
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
    """What of a directory of logs nobody has marked as shipped."""

    files: int
    bytes: int


def tidy(directory: Path, delete_shipped: bool) -> Unshipped:
    """Count what is not marked as shipped; with `delete_shipped`, delete what is.

    A marker is a hidden file `.NAME.shipped`: its text is the number of bytes of NAME that were
    shipped. Deleted are files that were shipped to their last byte, with their markers; never
    one that a process writes, nor the newest of its number, whose name would be given again.
    Files of any service that writes to the directory are counted, and deleted, alike.
    """
    names = _logs(directory)
    newest: dict[str, str] = {}
    for name in sorted(names):
        if match := _NAME.fullmatch(name):
            newest[match["base"]] = name
    files = total = 0
    for name in names:
        path = directory / name
        with suppress(OSError):  # deleted by another worker, or by a person
            size = path.stat().st_size
            shipped = _shipped(path)
            if shipped is None or not 0 <= shipped <= size:
                shipped = 0  # the marker of another file
            elif shipped == size and delete_shipped and _left(name, newest):
                _delete(path, size)
            if shipped < size:
                files += 1
                total += size - shipped
    return Unshipped(files, total)


def _left(name: str, newest: dict[str, str]) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and newest[match["base"]] != name


def _logs(directory: Path) -> list[str]:
    with suppress(OSError), os.scandir(directory) as entries:
        return [e.name for e in entries if e.name.startswith(PREFIX) and e.is_file()]
    return []


def _marker(path: Path) -> Path:
    return path.with_name(f".{path.name}.shipped")


def _shipped(path: Path) -> int | None:
    """Bytes that the marker says were shipped; None where there is none that can be read."""
    with suppress(OSError, ValueError):
        return int(_marker(path).read_text(encoding="ascii"))
    return None


def _delete(path: Path, size: int) -> None:
    # The marker goes last: alone it means nothing, without it the file would be shipped again.
    with suppress(OSError), closing(Segment(path, new=False)) as segment:
        if segment.size == size:
            path.unlink()
            _marker(path).unlink()


def check(directory: Path) -> None:
    """Make the directory, and see that logs can be kept in it; nothing is left behind in it.

    Raises InputError which says why not.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise unusable(directory, error) from error


def unusable(directory: Path, error: OSError) -> InputError:
    """What to say, and to do, where the log cannot be kept in `directory`."""
    place = f"{directory}: cannot hold the event log ({error.strerror})"
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
        return InputError(f"{place}: this file system has no file locks; take another directory")
    if isinstance(error, FileExistsError | NotADirectoryError):
        return InputError(f"{place}; a file is in the way: name a directory with --log-dir")
    return InputError(f"{place}; make it writable, or name another with --log-dir")
