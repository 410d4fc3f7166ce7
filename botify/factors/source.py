"""What a store of factors does for who reads."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from contract.factor_stores import StoreUrl
from contract.factors import Manifest


class SourceError(RuntimeError):
    """A store cannot be reached, does not answer in time, or lacks what it should have."""


class FactorSource(ABC):
    """One publication in one store, for one process; connects on first use.

    Threads may share it. Methods raise SourceError.
    """

    failures: tuple[type[Exception], ...] = (OSError,)
    """What the driver raises."""

    def __init__(self, url: StoreUrl, timeout: float) -> None:
        """`timeout`: seconds to connect, and for each answer."""
        self.where = url.shown
        self._url = url
        self._timeout = timeout

    @abstractmethod
    def active(self) -> bytes | None:
        """What the items' side says of the active version; None if nothing was published."""

    @abstractmethod
    def holds(self, side: str, version: str) -> bool:
        """Whether a side has this version, whole."""

    @abstractmethod
    def blob(self, version: str, name: str) -> bytes:
        """A blob of the items' side, or the manifest."""

    @abstractmethod
    def record(self, manifest: Manifest, user: str) -> bytes | None:
        """A user's record; None where the version of this manifest has none, or is not there."""

    @abstractmethod
    def close(self) -> None:
        """End all connections."""

    @contextmanager
    def as_source_errors(self) -> Iterator[None]:
        """Errors of the driver as SourceErrors of one line that name the store."""
        try:
            yield
        except self.failures as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SourceError(f"{self.where}: {reason}") from error
