"""Where logs are shipped to. A target knows names and bytes, and nothing of logs.

A name is relative to the target's directory and may have directories in it, which are made as
they are needed.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from script.shipping.checksums import Digest
from script.shipping.errors import ShipError


class Entry(NamedTuple):
    """What a listing says of a file or a directory."""

    size: int
    modified: int
    """When it was changed last, in ms since the epoch."""
    is_directory: bool = False


class Seal(NamedTuple):
    """By which a file that was verified is known to be untouched."""

    modified: int
    checksum: str
    """The target's own, as `Target.checksum` has it."""


class Target(Protocol):
    """A directory somewhere. Methods raise ShipError or OSError where it fails."""

    @property
    def place(self) -> str:
        """The same however the target was named."""

    def list(self, directory: str = "") -> dict[str, Entry]:
        """What is in a directory; nothing where the directory does not exist."""

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, in pieces."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make a file of this content, over an earlier one."""

    def verify(self, name: str, sent: Digest) -> Seal:
        """Raise ShipError where the file is not what was sent."""

    def checksum(self, name: str, start: int, size: int) -> str:
        """The target's own checksum of `size` bytes from `start` on, which some have only of a
        whole file; an empty text where it has none."""

    def check_room(self, size: int, files: int) -> None:
        """Raise InputError where there is surely no room for so many bytes or files more."""

    def rename(self, old: str, new: str) -> None:
        """Move a file in one step, over another one. Nothing happens where that was done."""

    def append(self, name: str, to: str, start: int, modified: int) -> None:
        """Move the bytes of a file behind the first `start` bytes of another, which is changed
        last at `modified` then. Nothing happens where that was done."""

    def delete(self, name: str) -> None:
        """Remove a file, or a directory with all that is in it; nothing where there is none."""


def differs(name: str, target: object, sent: Digest, size: int) -> ShipError:
    """What `verify` raises."""
    return ShipError(
        f"{name}: {target} holds other bytes than were sent ({size} instead of "
        f"{sent.size} bytes, or a different checksum); nothing was replaced"
    )
