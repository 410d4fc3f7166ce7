"""Factors in MongoDB."""

import threading
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from botify.errors import InputError
from botify.factors.source import FactorSource, SourceError
from contract.factor_stores import DATABASE, ITEMS, USERS, StoreUrl
from contract.factors import Manifest


class MongoSource(FactorSource):
    """A collection of users, and one of blobs, for each version."""

    failures = (PyMongoError,)

    def __init__(self, url: StoreUrl, timeout: float) -> None:
        super().__init__(url, timeout)
        self._client: MongoClient[dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def active(self) -> bytes | None:
        """From the document of the state."""
        with self.as_source_errors():
            row = self._rows("state").find_one({"_id": "state"}, {"active": 1})
        value = None if row is None else row.get("active")
        return None if value is None else bytes(value)

    def holds(self, side: str, version: str) -> bool:
        """Whether it is listed, which it is once it is whole, and until it is dropped."""
        with self.as_source_errors():
            return bool(self._rows("versions").find_one({"_id": f"{side}:{version}"}))

    def blob(self, version: str, name: str) -> bytes:
        """A document of the version's collection."""
        with self.as_source_errors():
            row = self._rows(f"{ITEMS}.{version}").find_one({"_id": name})
        if row is None:
            raise SourceError(f"{self.where}: version {version} has no {name}")
        return bytes(row["content"])

    def record(self, manifest: Manifest, user: str) -> bytes | None:
        """A document of the version's collection."""
        with self.as_source_errors():
            row = self._rows(f"{USERS}.{manifest.version}").find_one({"_id": user})
        return None if row is None else bytes(row["record"])

    def close(self) -> None:
        """All connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _rows(self, name: str) -> Any:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._connect()
        base = self._client.get_default_database(DATABASE)
        return base.get_collection(f"{self._url.name}.{name}")

    def _connect(self) -> "MongoClient[dict[str, Any]]":
        # In the process that uses it: a client of before a fork may hang.
        ms = int(1000 * self._timeout)
        try:
            return MongoClient(
                self._url.url,
                timeoutMS=ms,
                serverSelectionTimeoutMS=ms,
                connectTimeoutMS=ms,
                socketTimeoutMS=ms,
            )
        except (PyMongoError, ValueError) as error:
            raise InputError(f"{self.where}: no URL of a MongoDB") from error
