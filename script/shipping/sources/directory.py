"""The event logs `data.json*` of a directory, up to the last newline of each."""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from contract.events import LOG_NAME
from script.shipping.chunks import CHUNK
from script.shipping.compression import DAMAGE, decoded
from script.shipping.errors import InputError, LogChangedError
from script.shipping.safe_names import check_log_names

PREFIX = LOG_NAME
# A compressed log is complete and has no lines to cut at.
COMPRESSED = (".gz", ".zst")
WINDOW = 1 << 16


@dataclass(frozen=True)
class LogFile:
    """One log, as it was when it was found.

    `name` tells logs of several containers apart. The first `size` bytes are whole lines;
    `unfinished` bytes follow them, a line that a service is still writing. `identity` is
    (device, inode), `seen` is `check(size)`. `folder` is where log2local keeps its lines.
    """

    path: Path
    name: str
    size: int
    unfinished: int
    identity: tuple[int, int]
    seen: str
    folder: str = "botify-recommender-1"

    @property
    def is_compressed(self) -> bool:
        return self.path.suffix in COMPRESSED

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) of the whole lines, in pieces of at most 1 MiB.

        Raises LogChangedError if the file was replaced or became shorter since it was found.
        """
        left = (self.size if end is None else end) - start
        with self._open() as file:
            file.seek(start)
            while left:
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise LogChangedError(f"{self.path}: was truncated while it was read")
                left -= len(chunk)
                yield chunk

    def line_end(self, at: int) -> int:
        """Where the line that holds byte `at` ends, its newline included."""
        with self._open() as file:
            file.seek(at)
            while chunk := file.read(CHUNK):
                if (newline := chunk.find(b"\n")) >= 0:
                    return at + newline + 1
                at += len(chunk)
        raise LogChangedError(f"{self.path}: was truncated while it was read")

    @cached_property
    def first(self) -> str:
        """SHA-256 of the first line, or of its first 64 KiB: it identifies a log.

        For a compressed log it is that of the uncompressed line.
        """
        if self.is_compressed:
            with suppress(*DAMAGE):
                start = next(filter(None, decoded(self.chunks(), self.path.name)), b"")
                return hashlib.sha256(_line(start)).hexdigest()
        with self._open() as file:
            return hashlib.sha256(file.readline(WINDOW)).hexdigest()

    def check(self, end: int) -> str:
        """SHA-256 of the first and the last 64 KiB of the first `end` bytes.

        A log only ever grows, so this detects a change with two short reads, or with none if the
        log did not grow.
        """
        if end == self.size:
            return self.seen
        with self._open() as file:
            return _check(file, end)

    def unpacked_check(self, end: int) -> tuple[int, str]:
        """How many bytes are in a compressed log, and the check of the first `end` of them."""
        size = 0
        with tempfile.TemporaryFile() as file:
            for chunk in decoded(self.chunks(), self.path.name):
                size += file.write(chunk)
            return size, _check(file, end)

    def check_unchanged(self) -> None:
        """Raise LogChangedError if the complete lines changed since the log was found."""
        with self._open() as file:
            now = _check(file, self.size)
        if now != self.seen:
            raise LogChangedError(f"{self.path}: was overwritten while it was read")

    def is_in_place(self) -> bool:
        """Whether its path still leads to this log."""
        try:
            return _identity(self.path.stat()) == self.identity
        except FileNotFoundError:
            return False

    def _open(self) -> BinaryIO:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            raise LogChangedError(
                f"{self.path}: was removed while shipping; run the command again"
            ) from None
        if _identity(os.fstat(file.fileno())) != self.identity:
            file.close()
            raise LogChangedError(
                f"{self.path}: was rotated while shipping; run the command again"
            )
        return file


def find_logs(
    directory: Path, container: str | None = None, hosts: Mapping[str, str] | None = None
) -> list[LogFile]:
    """The logs of `directory` and of all directories in it, by name.

    A local directory gives its own `data.json*` under the names they have. With `container`,
    `directory` is a copy of that container's log directory: files are named after the container,
    and what a link leads to outside of the copy is none of them. Files of a directory inside (each
    process behind a shared volume has one) are named after that. `hosts` has the numbers of
    recommenders by the names of their hosts. An empty list where there are none.

    Raises InputError where there is no directory, two logs would get one name, or one has a name
    that is not UTF-8.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; name the log directory with --log-dir")
    found: list[tuple[Path, str | None]] = []
    for place in _directories(directory, follows=container is None):
        inner = place.relative_to(directory)
        label = ".".join(inner.parts) or container
        found += [(path, label) for path in _logs_in(place)]
    if container is not None:
        inside = directory.resolve()
        found = [pair for pair in found if pair[0].resolve().is_relative_to(inside)]
    check_log_names([path for path, _ in found])
    logs = []
    for path, label in found:
        with suppress(FileNotFoundError):  # it was shipped before, and has just been deleted
            name = _target_name(path.name, label)
            logs.append(_log_file(path, name, _folder(label, hosts or {})))
    check_names(logs)
    return logs


def _directories(directory: Path, follows: bool) -> Iterator[Path]:
    """The directory and all below it, each once, except those that readers ignore."""
    seen = set()
    waiting = [directory]
    while waiting:
        place = waiting.pop()
        if (identity := _identity(place.stat())) in seen:
            continue
        seen.add(identity)
        yield place
        with os.scandir(place) as entries:
            inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=follows)]
        waiting += [place / name for name in sorted(inner, reverse=True) if name[0] not in "._"]


def _folder(label: str | None, hosts: Mapping[str, str]) -> str:
    """Where notebooks look for the logs: `botify-recommender-N`."""
    host = (label or "1").removeprefix("botify-").removeprefix("recommender-")
    return f"botify-recommender-{hosts.get(host, host)}"


def check_names(logs: list[LogFile]) -> None:
    """Raise InputError if two logs would get the same name at the target."""
    for name, count in Counter(log.name for log in logs).items():
        if count > 1:
            paths = ", ".join(str(log.path) for log in logs if log.name == name)
            raise InputError(
                f"{paths}: would all be shipped under the name {name}; rename all but one"
            )


def _logs_in(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob(f"{PREFIX}*") if path.is_file())


def _target_name(name: str, label: str | None) -> str:
    # The label goes behind the prefix: readers find logs by `data.json*`, and `.gz` stays last.
    return name if label is None else f"{PREFIX}.{label}{name.removeprefix(PREFIX)}"


def _log_file(path: Path, name: str, folder: str) -> LogFile:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        whole = status.st_size
        if path.suffix not in COMPRESSED:
            whole = _whole_lines(file, status.st_size)
        seen = _check(file, whole)
    return LogFile(path, name, whole, status.st_size - whole, _identity(status), seen, folder)


def _check(file: BinaryIO, end: int) -> str:
    """SHA-256 of the first and the last 64 KiB of the first `end` bytes."""
    digest = hashlib.sha256(str(end).encode())
    file.seek(0)
    digest.update(file.read(min(WINDOW, end)))
    file.seek(max(0, end - WINDOW))
    digest.update(file.read(min(WINDOW, end)))
    return digest.hexdigest()


def _line(text: bytes) -> bytes:
    line, newline, _ = text.partition(b"\n")
    return (line + newline)[:WINDOW]


def _whole_lines(file: BinaryIO, size: int) -> int:
    """Number of bytes up to and including the last newline of the first `size`; 0 without one."""
    end = size
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
