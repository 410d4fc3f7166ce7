"""Factors in Redis: a hash of users, and one of blobs, for each version."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from contract.factor_stores import ITEMS, MANIFEST, PREFIX, USERS, StoreUrl
from contract.factors import Manifest, encode_manifest
from offline.errors import InputError
from offline.factors.lease import SECONDS, leased
from offline.factors.store import FactorStore, ItemContent, Records, check_count

_TIMEOUT = 30.0
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_ACTIVATE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""


class RedisStore(FactorStore):
    """Commands are sent many at a time; none of them is undone where a later one fails."""

    failures = (redis.RedisError,)

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(url)
        self._prefix = f"{PREFIX}{url.name}:"
        self._token = ""
        try:
            self._client: Any = redis.Redis.from_url(
                url.url, socket_timeout=_TIMEOUT, socket_connect_timeout=5.0
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{url.shown}: no URL of a Redis: {error}") from error

    def versions(self, side: str) -> dict[str, int]:
        """Those listed, as far as they are there: Redis may have dropped them."""
        found = {}
        for name, listed in self._client.hgetall(self._key(side)).items():
            version = name.decode()
            key = self._key(side, version)
            if side == USERS:
                found[version] = self._client.hlen(key)
            elif self._client.hexists(key, MANIFEST):
                found[version] = int(listed)
        return found

    def leftovers(self, side: str) -> list[str]:
        """By the keys."""
        listed = {name.decode() for name in self._client.hkeys(self._key(side))}
        keys = self._client.scan_iter(match=self._key(side, "*"), count=1000)
        found = {key.decode().removeprefix(self._key(side, "")) for key in keys}
        return sorted(found - listed)

    def put_users(self, manifest: Manifest, records: Records) -> None:
        """A field for each user."""
        key = self._key(USERS, manifest.version)
        for some in records:
            self._client.hset(key, mapping=dict(some))
        check_count(self, USERS, self._client.hlen(key), manifest.users)
        self._client.hset(self._key(USERS), manifest.version, manifest.users)

    def put_items(self, content: ItemContent) -> None:
        """A field for each blob."""
        key = self._key(ITEMS, content.manifest.version)
        for name, blob in content.blobs:
            self._client.hset(key, name, blob)
        self._client.hset(key, MANIFEST, encode_manifest(content.manifest))
        self._client.hset(self._key(ITEMS), content.manifest.version, content.manifest.items)

    def drop(self, side: str, version: str) -> None:
        """Redis frees the memory in the background."""
        self._client.hdel(self._key(side), version)
        self._client.unlink(self._key(side, version))

    def active(self) -> bytes | None:
        """A key of its own."""
        found: bytes | None = self._client.get(self._key("active"))
        return found

    def set_active(self, active: bytes) -> None:
        """Unless somebody else has taken over."""
        keys = (self._key("lock"), self._key("active"))
        if not self._client.eval(_ACTIVATE, 2, *keys, self._token, active):
            raise InputError(
                f"{self.url.shown}: it did not answer for {SECONDS:g} seconds, and somebody else "
                "may be publishing: publish again"
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """By a lease."""
        key, ms = self._key("lock"), int(1000 * SECONDS)

        def take(token: str) -> bool:
            return bool(self._client.eval(_TAKE, 1, key, token, ms))

        def release(token: str) -> None:
            self._client.eval(_RELEASE, 1, key, token)

        with leased(self.url.shown, take, release) as self._token:
            yield

    def close(self) -> None:
        """All connections."""
        self._client.close()

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)
