"""Reads a publication from its stores: always users of the version whose items are held."""

from botify.errors import InputError
from botify.factors.file_source import FileSource
from botify.factors.snapshot import Snapshot, UserFactors, load_snapshot
from botify.factors.source import FactorSource, SourceError
from contract.errors import FormatError
from contract.factor_stores import USERS, StoreUrl, parse_store
from contract.factors import parse_active
from contract.jsonlines import parse_line


def open_source(url: str, timeout: float = 1.0) -> FactorSource:
    """The store at a URL; connects on first use. Raises InputError for a bad URL."""
    try:
        parts = parse_store(url)
    except FormatError as error:
        raise InputError(f"store of factors: {error}") from error
    return _of_kind(parts, timeout)


def _of_kind(parts: StoreUrl, timeout: float) -> FactorSource:
    # A driver is imported only where a URL names its store.
    try:
        if parts.kind == "redis":
            from botify.factors.redis_source import RedisSource

            return RedisSource(parts, timeout)
        if parts.kind == "mongodb":
            from botify.factors.mongo_source import MongoSource

            return MongoSource(parts, timeout)
        if parts.kind == "postgresql":
            from botify.factors.postgres_source import PostgresSource

            return PostgresSource(parts, timeout)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{parts.shown}: needs the package {error.name}: pip install 'botify[stores]'"
        ) from error
    return FileSource(parts, timeout)


class FactorReader:
    """The publication that a process reads. One thread calls `refresh`; any may call `user`."""

    def __init__(self, users: FactorSource, items: FactorSource) -> None:
        """Nothing is read before the first `refresh`."""
        self._users = users
        self._items = items
        self.current: Snapshot | None = None
        """The items held; each request reads this once."""

    def refresh(self) -> None:
        """Hold the active version, once both sides have it. Raises SourceError.

        What was held stays, also where it fails.
        """
        version = self.active_version()
        if version is None:
            raise SourceError(
                f"{self._items.where}: nothing is published there: botify-offline publish MODEL"
            )
        if not self._users.holds(USERS, version):
            raise SourceError(
                f"{self._users.where}: no users of version {version}, which is active in "
                f"{self._items.where}: publish again, or name the stores that were published to"
            )
        if self.current is None or self.current.version != version:
            self.current = load_snapshot(self._items, version)

    def active_version(self) -> str | None:
        """What the items' side says; None if nothing is published. Raises SourceError."""
        content = self._items.active()
        try:
            return None if content is None else parse_active(parse_line(content)).version
        except FormatError as error:
            raise SourceError(f"{self._items.where}: the active version: {error}") from error

    def user(self, snapshot: Snapshot, user: str) -> UserFactors | None:
        """A user's record of the version of `snapshot`; None for a user that it has not.

        Raises SourceError, also where the version is not there (any more).
        """
        packed = self._users.record(snapshot.manifest, user)
        if packed is None:
            if not self._users.holds(USERS, snapshot.version):
                raise SourceError(
                    f"{self._users.where}: the users of version {snapshot.version} are gone"
                )
            return None
        try:
            return snapshot.user(packed)
        except FormatError as error:
            raise SourceError(f"{self._users.where}: user {user!r}: {error}") from error

    def close(self) -> None:
        """End all connections."""
        self._users.close()
        self._items.close()


def open_reader(users: str, items: str, timeout: float = 1.0) -> FactorReader:
    """A reader of a publication by the URLs of its two sides. Raises InputError for a bad one."""
    return FactorReader(open_source(users, timeout), open_source(items, timeout))
