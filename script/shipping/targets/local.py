"""A directory of this machine as a target."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from script.shipping.checksums import Digest
from script.shipping.chunks import CHUNK, chunks_of
from script.shipping.errors import InputError, ShipError
from script.shipping.targets.base import Entry, Seal, differs


class LocalTarget:
    """A directory of this machine."""

    def __init__(self, directory: Path) -> None:
        """Raise InputError if `directory` is a file."""
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory} is a file; name a directory")
        self._directory = directory

    def __str__(self) -> str:
        return str(self._directory)

    @property
    def place(self) -> str:
        return str(self._directory.resolve())

    def list(self, directory: str = "") -> dict[str, Entry]:
        path = self._directory / directory
        if not path.is_dir():
            return {}
        found = {}
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                except FileNotFoundError:  # a link that leads nowhere, or deleted just now
                    continue
                found[entry.name] = Entry(status.st_size, _modified(status), entry.is_dir())
        return found

    def read(self, name: str) -> Iterator[bytes]:
        yield from chunks_of(self._directory / name)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())

    def verify(self, name: str, sent: Digest) -> Seal:
        stored = Digest(self.read(name))
        if (stored.size, stored.checksum) != (sent.size, sent.checksum):
            raise differs(name, self, sent, stored.size)
        return Seal(_modified((self._directory / name).stat()), stored.checksum)

    def checksum(self, name: str, start: int, size: int) -> str:
        digest = Digest()
        with (self._directory / name).open("rb") as file:
            file.seek(start)
            while chunk := file.read(min(CHUNK, size - digest.size)):
                digest.add(chunk)
        return digest.checksum

    def check_room(self, size: int, files: int) -> None:
        place = self._directory
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
        if size > free:
            raise InputError(f"{self}: {size} bytes do not fit; the disk has {free} bytes free")

    def rename(self, old: str, new: str) -> None:
        path = self._directory / new
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            (self._directory / old).replace(path)
        except FileNotFoundError:
            if not path.exists():
                raise

    def append(self, name: str, to: str, start: int, modified: int) -> None:
        path = self._directory / to
        if not (self._directory / name).exists() and path.exists():
            return
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            raise ShipError(f"{path}: was removed ({start} bytes had been shipped)") from None
        with file:
            if file.seek(0, os.SEEK_END) < start:
                raise ShipError(f"{path}: is shorter than the {start} bytes that were shipped")
            file.truncate(start)
            file.seek(start)
            for chunk in self.read(name):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.utime(path, ns=(modified * 1_000_000,) * 2)
        self.delete(name)

    def delete(self, name: str) -> None:
        path = self._directory / name
        if path.is_dir() and not path.is_symlink():
            for inner in path.iterdir():
                self.delete(f"{name}/{inner.name}")
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _modified(status: os.stat_result) -> int:
    return status.st_mtime_ns // 1_000_000
