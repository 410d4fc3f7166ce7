"""Where logs are shipped to. A target knows names and bytes, and nothing of logs.

A file is written under a hidden name first, which readers of `data.json*` do not see, and
`publish` moves it to its own name in one step: at every moment readers see the old content or
the new one, whole.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from script.errors import InputError
from script.sources import CHUNK


class Target(Protocol):
    """A directory somewhere. Methods raise ShipError or OSError where it fails."""

    def sizes(self) -> dict[str, int]:
        """Bytes of every file there by name; empty where the directory does not exist."""

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, in pieces."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make a file of this content, over an earlier one."""

    def publish(self, name: str) -> None:
        """Move the file `hidden(name)` to `name`, in place of what is there, in one step."""


def hidden(name: str) -> str:
    """The name under which a file waits until it is whole and verified."""
    return f".{name}.part"


class LocalTarget:
    """A directory of this machine, made when the first file comes."""

    def __init__(self, directory: Path) -> None:
        """Raise InputError where `directory` is a file."""
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory}: is a file; name a directory")
        self._directory = directory

    def __str__(self) -> str:
        return str(self._directory)

    def sizes(self) -> dict[str, int]:
        if not self._directory.is_dir():
            return {}
        files = (path for path in self._directory.iterdir() if path.is_file())
        return {path.name: path.stat().st_size for path in files}

    def read(self, name: str) -> Iterator[bytes]:
        with (self._directory / name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / name).open("wb") as file:
            file.writelines(chunks)

    def publish(self, name: str) -> None:
        (self._directory / hidden(name)).replace(self._directory / name)
