"""The store at a URL."""

from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import FormatError
from contract.factor_stores import StoreUrl, parse_store
from offline.errors import InputError
from offline.factors.file_store import FileStore
from offline.factors.store import FactorStore


@contextmanager
def open_store(url: str) -> Iterator[FactorStore]:
    """The store, closed at the end. Raises InputError for a bad URL, or one without its driver."""
    try:
        parts = parse_store(url)
    except FormatError as error:
        raise InputError(str(error)) from error
    store = _of_kind(parts)
    try:
        yield store
    finally:
        store.close()


def _of_kind(parts: StoreUrl) -> FactorStore:
    # A driver is imported only where a URL names its store.
    try:
        if parts.kind == "redis":
            from offline.factors.redis_store import RedisStore

            return RedisStore(parts)
        if parts.kind == "mongodb":
            from offline.factors.mongo_store import MongoStore

            return MongoStore(parts)
        if parts.kind == "postgresql":
            from offline.factors.postgres_store import PostgresStore

            return PostgresStore(parts)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{parts.shown}: needs the package {error.name}: pip install 'botify[stores]'"
        ) from error
    return FileStore(parts)
