"""Factors in Redis."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from botify.errors import InputError
from botify.factors.source import FactorSource, SourceError
from contract.factor_stores import ITEMS, PREFIX, USERS, StoreUrl
from contract.factors import Manifest


class RedisSource(FactorSource):
    """A hash of users, and one of blobs, for each version."""

    failures = (redis.RedisError,)

    def __init__(self, url: StoreUrl, timeout: float) -> None:
        super().__init__(url, timeout)
        self._prefix = f"{PREFIX}{url.name}:"
        try:
            # A pooled connection may have been closed since its last use: one immediate retry.
            self._client: Any = redis.Redis.from_url(
                url.url,
                retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
            )
        except (ValueError, TypeError) as error:
            raise InputError(f"{url.shown}: no URL of a Redis: {error}") from error

    def active(self) -> bytes | None:
        """A key of its own."""
        with self.as_source_errors():
            found: bytes | None = self._client.get(f"{self._prefix}active")
        return found

    def holds(self, side: str, version: str) -> bool:
        """Whether it is listed, and there: Redis may have dropped it."""
        with self.as_source_errors():
            pipeline = self._client.pipeline(transaction=False)
            pipeline.hexists(self._prefix + side, version)
            pipeline.exists(self._key(side, version))
            return all(pipeline.execute())

    def blob(self, version: str, name: str) -> bytes:
        """A field of the version's hash."""
        with self.as_source_errors():
            found: bytes | None = self._client.hget(self._key(ITEMS, version), name)
        if found is None:
            raise SourceError(f"{self.where}: version {version} has no {name}")
        return found

    def record(self, manifest: Manifest, user: str) -> bytes | None:
        """A field of the version's hash."""
        with self.as_source_errors():
            found: bytes | None = self._client.hget(self._key(USERS, manifest.version), user)
        return found

    def close(self) -> None:
        """All connections."""
        self._client.close()

    def _key(self, side: str, version: str) -> str:
        return f"{self._prefix}{side}:{version}"
