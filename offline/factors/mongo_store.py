"""Factors in MongoDB: a collection of users, and one of blobs, for each version."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError

from contract.factor_stores import DATABASE, ITEMS, MANIFEST, USERS, StoreUrl
from contract.factors import Manifest, encode_manifest
from offline.errors import InputError
from offline.factors.lease import SECONDS, leased
from offline.factors.store import FactorStore, ItemContent, Records, check_count

_TIMEOUT_MS, _SELECTION_MS = 30_000, 3000
_DURABLE = WriteConcern(w="majority", j=True)
_STATE = "state"
"""Of its collection's document, which has both the active version and the lock."""


class MongoStore(FactorStore):
    """What lists versions and names the active one is written durably, after all else."""

    failures = (PyMongoError,)

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(url)
        self._token = ""
        try:
            self._client: MongoClient[dict[str, Any]] = MongoClient(
                url.url, socketTimeoutMS=_TIMEOUT_MS, serverSelectionTimeoutMS=_SELECTION_MS
            )
        except (PyMongoError, ValueError) as error:
            raise InputError(f"{url.shown}: no URL of a MongoDB") from error
        self._base = self._client.get_default_database(DATABASE)
        self._versions = self._base.get_collection(f"{url.name}.versions", write_concern=_DURABLE)
        self._state = self._base.get_collection(f"{url.name}.state", write_concern=_DURABLE)

    def versions(self, side: str) -> dict[str, int]:
        """Those listed, with the users that are there."""
        found = {}
        for row in self._versions.find({"side": side}):
            version = str(row["version"])
            rows = self._rows(side, version)
            if side == USERS:
                found[version] = rows.count_documents({})
            elif rows.find_one({"_id": MANIFEST}, {"_id": 1}):
                found[version] = int(row["count"])
        return found

    def leftovers(self, side: str) -> list[str]:
        """By the names of collections."""
        listed = {row["version"] for row in self._versions.find({"side": side})}
        prefix = f"{self.url.name}.{side}."
        names = self._base.list_collection_names()
        found = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
        return sorted(found - listed)

    def put_users(self, manifest: Manifest, records: Records) -> None:
        """A document for each user."""
        rows = self._rows(USERS, manifest.version)
        for some in records:
            documents = [{"_id": user, "record": record} for user, record in some]
            rows.insert_many(documents, ordered=False)
        check_count(self, USERS, rows.count_documents({}), manifest.users)
        self._list(USERS, manifest.version, manifest.users)

    def put_items(self, content: ItemContent) -> None:
        """A document for each blob, all far below the 16 MiB that one may have."""
        rows = self._rows(ITEMS, content.manifest.version)
        for name, blob in content.blobs:
            rows.insert_one({"_id": name, "content": blob})
        manifest = encode_manifest(content.manifest)
        rows.insert_one({"_id": MANIFEST, "content": manifest})
        self._list(ITEMS, content.manifest.version, content.manifest.items)

    def drop(self, side: str, version: str) -> None:
        """The whole collection."""
        self._versions.delete_one({"_id": f"{side}:{version}"})
        self._rows(side, version).drop()

    def active(self) -> bytes | None:
        """From the document of the state."""
        row = self._state.find_one({"_id": _STATE})
        value = None if row is None else row.get("active")
        return None if value is None else bytes(value)

    def set_active(self, active: bytes) -> None:
        """Unless somebody else has taken over."""
        done = self._state.update_one(
            {"_id": _STATE, "holder": self._token}, {"$set": {"active": active}}
        )
        if not done.matched_count:
            raise InputError(
                f"{self.url.shown}: it did not answer for {SECONDS:g} seconds, and somebody else "
                "may be publishing: publish again"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """By a lease."""

        def take(token: str) -> bool:
            now = time.time()
            free = {"$or": [{"holder": token}, {"holder": None}, {"until": {"$lt": now}}]}
            change = {"$set": {"holder": token, "until": now + SECONDS}}
            try:
                self._state.update_one({"_id": _STATE, **free}, change, upsert=True)
            except DuplicateKeyError:  # it is there, but not free
                return False
            return True

        def release(token: str) -> None:
            self._state.update_one({"_id": _STATE, "holder": token}, {"$set": {"holder": None}})

        with leased(self.url.shown, take, release) as self._token:
            yield

    def close(self) -> None:
        """All connections."""
        self._client.close()

    def _rows(self, side: str, version: str) -> Any:
        name = f"{self.url.name}.{side}.{version}"
        return self._base.get_collection(name, write_concern=_DURABLE)

    def _list(self, side: str, version: str, count: int) -> None:
        key = {"_id": f"{side}:{version}"}
        row = {**key, "side": side, "version": version, "count": count}
        self._versions.replace_one(key, row, upsert=True)
