"""Where logs are shipped to: a store of bytes under names.

A name is relative to the target's directory and may contain directories, which are created when
needed.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from script.shipping.checksums import Digest
from script.shipping.errors import ShipError


class Entry(NamedTuple):
    """A file or a directory in a listing."""

    size: int
    modified: int
    """When it was changed last, in ms since the epoch."""
    is_directory: bool = False


class Seal(NamedTuple):
    """Identifies a verified file, to detect later changes."""

    modified: int
    checksum: str
    """The target's own, as `Target.checksum` has it."""


class Target(Protocol):
    """A directory somewhere. Methods raise ShipError or OSError if they fail."""

    @property
    def place(self) -> str:
        """A canonical name, however the target was given."""

    def list(self, directory: str = "") -> dict[str, Entry]:
        """The entries of a directory; empty if it does not exist."""

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, in pieces."""

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file, replacing an earlier one."""

    def verify(self, name: str, sent: Digest) -> Seal:
        """Raise ShipError if the file differs from what was sent."""

    def checksum(self, name: str, start: int, size: int) -> str:
        """The target's own checksum of `size` bytes from `start`, which some targets have only for
        a whole file; "" if it has none."""

    def check_room(self, size: int, files: int) -> None:
        """Raise InputError if `size` more bytes or `files` more files certainly do not fit."""

    def rename(self, old: str, new: str) -> None:
        """Move a file in one step, replacing another one. Does nothing if that was done before."""

    def append(self, name: str, to: str, start: int, modified: int) -> None:
        """Move the bytes of a file behind the first `start` bytes of another, whose time of
        modification becomes `modified`. Does nothing if that was done before."""

    def delete(self, name: str) -> None:
        """Remove a file, or a directory with its content; does nothing if there is none."""


def differs(name: str, target: object, sent: Digest, size: int) -> ShipError:
    """What `verify` raises."""
    return ShipError(
        f"{name}: {target} holds other bytes than were sent ({size} instead of "
        f"{sent.size} bytes, or a different checksum); nothing was replaced"
    )
