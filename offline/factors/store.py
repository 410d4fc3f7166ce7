"""What a store of factors does for who publishes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from contract.factor_stores import StoreUrl
from contract.factors import Manifest
from offline.errors import InputError

Records = Iterable[Sequence[tuple[str, bytes]]]
"""Some users' ids and records at a time."""


class ItemContent(NamedTuple):
    """The items' side of a publication."""

    manifest: Manifest
    ids: Sequence[str]
    blobs: Iterable[tuple[str, bytes]]
    """By name, as they are stored."""


class FactorStore(ABC):
    """One publication in one store, both sides.

    Methods raise `failures` of the driver; `as_input_errors` turns them into an InputError.
    """

    failures: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, url: StoreUrl) -> None:
        self.url = url

    @abstractmethod
    def versions(self, side: str) -> dict[str, int]:
        """The versions that are whole, with the number of their users, or items."""

    @abstractmethod
    def leftovers(self, side: str) -> list[str]:
        """Versions of which something is there, but that are not whole."""

    @abstractmethod
    def put_users(self, manifest: Manifest, records: Records) -> None:
        """Write the users' side of a version of which nothing is there; it is whole at the end.

        Raises InputError where other than `manifest.users` users are there then.
        """

    @abstractmethod
    def put_items(self, content: ItemContent) -> None:
        """The same for the items' side."""

    @abstractmethod
    def drop(self, side: str, version: str) -> None:
        """Remove all of a version; first of all from the list of versions."""

    @abstractmethod
    def active(self) -> bytes | None:
        """What the items' side says of the active version, as JSON; None if nothing is."""

    @abstractmethod
    def set_active(self, active: bytes) -> None:
        """Replace it, at once and for all readers."""

    @abstractmethod
    def lock(self) -> AbstractContextManager[None]:
        """Keep others from publishing here meanwhile. Waits for one that ends or has died.

        Raises InputError where that takes longer than a minute.
        """

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @contextmanager
    def as_input_errors(self) -> Iterator[None]:
        """Errors of the driver as InputErrors that name the store and say what to do."""
        try:
            yield
        except self.failures as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{self.url.shown}: {reason}; what was served is served still: publish again "
                "when that is mended"
            ) from error


def check_count(store: FactorStore, side: str, found: int, expected: int) -> None:
    """Raises InputError where a store has other than what was written."""
    if found != expected:
        raise InputError(
            f"{store.url.shown}: {found:,} {side} are there after {expected:,} were written: did "
            "somebody else change them? Publish again"
        )
