"""Where logs are shipped to. A target knows names and bytes, and nothing of logs.

A name is relative to the target's directory and may have directories in it, which are made as
they are needed.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from script.checksums import Digest
from script.errors import InputError, ShipError
from script.sources import CHUNK


class Target(Protocol):
    """A directory somewhere. Methods raise ShipError or OSError where it fails."""

    @property
    def place(self) -> str:
        """The same however the target was named."""

    def list(self, directory: str = "") -> dict[str, float]:
        """What is in a directory, and when it was changed last (seconds since the epoch).

        Nothing where the directory does not exist.
        """

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, in pieces."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make a file of this content, over an earlier one."""

    def verify(self, name: str, sent: Digest) -> None:
        """Raise ShipError where the file is not what was sent."""

    def rename(self, old: str, new: str) -> None:
        """Move a file in one step, over another one. Nothing happens where that was done."""

    def delete(self, name: str) -> None:
        """Remove a file, or a directory with all that is in it; nothing where there is none."""


def differs(name: str, target: object, sent: Digest, size: int, cause: str = "") -> ShipError:
    """What `verify` raises."""
    cause = cause or "nothing was replaced"
    return ShipError(
        f"{name}: {target} holds something else than what was sent ({size} bytes of "
        f"{sent.size}, or other ones); {cause}"
    )


class LocalTarget:
    """A directory of this machine."""

    def __init__(self, directory: Path) -> None:
        """Raise InputError where `directory` is a file."""
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory}: is a file; name a directory")
        self._directory = directory

    def __str__(self) -> str:
        return str(self._directory)

    @property
    def place(self) -> str:
        return str(self._directory.resolve())

    def list(self, directory: str = "") -> dict[str, float]:
        path = self._directory / directory
        if not path.is_dir():
            return {}
        found = {}
        with os.scandir(path) as entries:
            for entry in entries:
                found[entry.name] = entry.stat().st_mtime
        return found

    def read(self, name: str) -> Iterator[bytes]:
        with (self._directory / name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())

    def verify(self, name: str, sent: Digest) -> None:
        stored = Digest(self.read(name))
        if (stored.size, stored.checksum) != (sent.size, sent.checksum):
            raise differs(name, self, sent, stored.size)

    def rename(self, old: str, new: str) -> None:
        path = self._directory / new
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            (self._directory / old).replace(path)
        except FileNotFoundError:
            if not path.exists():
                raise

    def delete(self, name: str) -> None:
        path = self._directory / name
        if path.is_dir():
            for inner in path.iterdir():
                self.delete(f"{name}/{inner.name}")
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
