"""The background thread of a worker: probes Redis, keeps log, metrics and models up to date."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from botify.config import TOP_TRACKS, ListFile
from botify.lists.reader import EVERYONE
from botify.live_routing import LiveRouting
from botify.monitor_thread import MonitorThread
from botify.observability.fallback_shares import WINDOW_SECONDS
from botify.observability.health import WorkerReport
from botify.session_model.live_file import LiveFile
from botify.store.client import StoreError, store_errors
from botify.store.keys import MUSIC_KEYS, Keys
from botify.store.redis_memory import RedisMemory, full_message, read_redis_memory
from botify.worker_context import PopularFallback, Store, WorkerContext

_NOTHING: Mapping[str, str] = MappingProxyType({})

_Store = TypeVar("_Store", bound=Store)


class WorkerMonitor(MonitorThread, Generic[_Store]):
    """With an immediate round when Redis fails."""

    def __init__(
        self,
        worker: WorkerContext[_Store, PopularFallback[_Store]],
        lists: Mapping[str, ListFile],
        models: Iterable[LiveFile[Any]] = (),
        routing: LiveRouting[Any, Any] | None = None,
        *,
        redis_timeout: float = 1.0,
        max_fallback_share: float = 1.0,
        keys: Keys = MUSIC_KEYS,
        popular: str = TOP_TRACKS,
        serves: str = "tracks",
        text_keys: tuple[str, str] | None = None,
    ) -> None:
        """`lists`: all lists that must be in Redis, by name. `models` and `routing` are kept up to
        date.

        `redis_timeout`: seconds that requests wait for Redis; after a failure, probes must take
        less than half of it. `max_fallback_share`: the part of the answers, of a treatment or of
        all, that may come from the fallback before this is reported. `keys`: of the service's
        face; `popular`: name of the list that the fallback answers from; `serves`: what is
        recommended, in words. `text_keys`: where Redis has the texts `note` and `reading` of
        the report, if it has them.
        """
        super().__init__(worker.log, worker.metrics, worker.breaker.wake, max_fallback_share)
        self._client = worker.client
        self._store = worker.store
        self._breaker = worker.breaker
        self._fallback = worker.fallback
        self._failures = worker.failures
        self._needed = tuple(lists)
        self._keys = keys
        self._popular = popular
        self._serves = serves
        self._text_keys = text_keys or ()
        self._note = self._reading = ""
        self._files = {name: of.file for name, of in lists.items()}
        self._models = tuple(models)
        self._routing = routing
        self._max_probe_seconds = redis_timeout / 2
        self._memory: RedisMemory | None = None
        self._evicted: deque[tuple[float, int]] = deque()
        self._versions = _NOTHING
        self._refused = _NOTHING
        self._popular_version = ""

    def report(self) -> WorkerReport:
        """The state as of the last round; no call to Redis."""
        return WorkerReport(
            redis_up=self._breaker.up,
            redis_reason=self._breaker.reason,
            lists=self._versions,
            missing=self._missing(),
            refused={**self._refused, **{m.name: m.refusal for m in self._models if m.refusal}},
            log=self._log.status(),
            models={model.name: model.version for model in self._models},
            memory=self._memory,
            evicted=self._evicted[-1][1] - self._evicted[0][1] if self._evicted else 0,
            max_fallback_share=self._max_fallback_share,
            failing=self._failures.recent(),
            config_refusal=self._routing.refusal if self._routing else "",
            config_pending=self._routing.pending if self._routing else (),
            config_note=self._routing.note if self._routing else "",
            serves=self._serves,
            note=self._note,
            reading=self._reading,
            written={**dict(_times(self._files)), **{m.name: m.written for m in self._models}},
        )

    def _is_up(self) -> bool:
        return self._breaker.up

    def _round(self) -> None:
        try:
            with store_errors():
                self._probe()
        except StoreError as error:
            if self._breaker.up:
                self._metrics.count_redis_failure(error.kind)
            self._breaker.trip(full_message(self._memory) if error.kind == "full" else str(error))
        finally:
            for model in self._models:
                model.refresh()
            if self._routing is not None:
                self._routing.refresh()
            self._publish()

    def _probe(self) -> None:
        """Read which lists are served; use Redis if all are there and sessions can be written."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hgetall(self._keys.lists)
        pipeline.hgetall(self._keys.refusals)
        for key in self._text_keys:
            pipeline.get(key)
        versions, refused, *texts = pipeline.execute()
        if texts:
            self._note, self._reading = ((text or b"").decode() for text in texts)
        self._read_memory()
        self._versions, self._refused = _texts(versions), _texts(refused)
        popular = self._versions.get(self._popular, "")
        if popular and popular != self._popular_version:
            key = f"{self._keys.lists}:{self._popular}:{popular}"
            packed: Any = self._client.hget(key, EVERYONE)
            if packed:
                self._fallback.popular, self._popular_version = packed, popular
        if missing := self._missing():
            # Redis was restarted: the parent is loading its lists again.
            self._breaker.trip(f"lists are not loaded yet: {', '.join(missing)}")
            return
        began = time.monotonic()
        self._store.probe()  # a Redis that is full, or a replica, can be read but not written
        seconds = time.monotonic() - began
        if not self._breaker.up and seconds > self._max_probe_seconds:
            self._breaker.trip(f"Redis: it answers, but slowly ({seconds:.2f} s)")
            return
        self._fallback.flush(self._store)
        self._breaker.probe_succeeded()
        # Once more for requests since the first flush; from now on each request flushes first.
        self._fallback.flush(self._store)

    def _read_memory(self) -> None:
        self._memory = read_redis_memory(self._client)
        if self._memory is not None:
            now, evicted = time.monotonic(), self._memory.evicted
            if self._evicted and evicted < self._evicted[-1][1]:  # a new server starts from 0
                self._evicted.clear()
            self._evicted.append((now, evicted))
            while now - self._evicted[0][0] > WINDOW_SECONDS:
                self._evicted.popleft()

    def _missing(self) -> tuple[str, ...]:
        return tuple(name for name in self._needed if name not in self._versions)


def _times(files: Mapping[str, Path]) -> Iterator[tuple[str, float]]:
    """When each was written; those that are gone are left out."""
    for name, path in files.items():
        with suppress(OSError):
            yield name, path.stat().st_mtime


def _texts(found: Mapping[bytes, bytes]) -> Mapping[str, str]:
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}
