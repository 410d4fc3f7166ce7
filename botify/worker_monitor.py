"""What a worker does besides answering: look after its link to Redis, its log, its metrics."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import redis

from botify.config import TOP_TRACKS
from botify.event_log.writer import EventLog
from botify.lists.loader import REFUSED
from botify.lists.reader import EVERYONE
from botify.observability.fallback_shares import LATELY
from botify.observability.health import State, too_much_fallback
from botify.observability.metrics import Metrics
from botify.session_model.live import Model
from botify.store.circuit_breaker import Link
from botify.store.client import StoreError, store_errors
from botify.store.fallback import Fallback
from botify.store.redis_memory import Memory, full, read_memory
from botify.store.sessions import VERSIONS, Store

_EVERY = 1.0
"""Seconds between two rounds while all is well."""
_WHILE_DOWN = 0.1
"""Seconds between two while Redis is away."""
_NOTHING: Mapping[str, str] = MappingProxyType({})

_log = logging.getLogger("botify.worker_monitor")


class Upkeep:
    """A thread that goes round about once a second, and at once where Redis is lost."""

    def __init__(
        self,
        client: "redis.Redis",
        store: Store,
        link: Link,
        fallback: Fallback,
        log: EventLog,
        metrics: Metrics,
        lists: Iterable[str],
        models: Iterable[Model] = (),
        *,
        patience: float = 1.0,
        max_fallback_share: float = 1.0,
    ) -> None:
        """`lists` are the names of all lists that must be in Redis; `models` those to follow.

        `patience`: seconds that requests wait for Redis; one that was lost must answer in half of
        that to be used again. `max_fallback_share`: part of the answers, of a treatment and of
        all, that may come from the fallback before that is told.
        """
        self._client = client
        self._store = store
        self._link = link
        self._fallback = fallback
        self._log = log
        self._metrics = metrics
        self._needed = tuple(lists)
        self._models = tuple(models)
        self._quick = patience / 2
        self._max_fallback_share = max_fallback_share
        self._told_shares = False
        self._memory: Memory | None = None
        self._evicted: deque[tuple[float, int]] = deque()
        self._versions = _NOTHING
        self._refused = _NOTHING
        self._popular_version = ""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Go round once here, so that the first request finds all known, then in the thread."""
        self._round()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the log."""
        self._stopped = True
        self._link.changed.set()
        self._thread.join()
        self._log.close()

    def state(self) -> State:
        """What is known now; asks nobody."""
        return State(
            redis_up=self._link.up,
            redis_reason=self._link.reason,
            lists=self._versions,
            missing=self._missing(),
            refused={**self._refused, **{m.name: m.refusal for m in self._models if m.refusal}},
            log=self._log.status(),
            models={model.name: model.version for model in self._models},
            memory=self._memory,
            evicted=self._evicted[-1][1] - self._evicted[0][1] if self._evicted else 0,
            max_fallback_share=self._max_fallback_share,
        )

    def _run(self) -> None:
        while not self._stopped:
            if self._link.changed.wait(_EVERY if self._link.up else _WHILE_DOWN):
                self._link.changed.clear()
            try:
                self._round()
            except Exception:  # whatever it is, requests are answered and the next round comes
                _log.exception("a round of upkeep failed")

    def _round(self) -> None:
        try:
            with store_errors():
                self._look()
        except StoreError as error:
            if self._link.up:
                self._metrics.redis_failure(error.kind)
            self._link.lost(full(self._memory) if error.kind == "full" else str(error))
        finally:
            for model in self._models:
                model.look()
            self._log.tick()
            self._metrics.publish(self.state())
            self._tell_shares()

    def _look(self) -> None:
        """Learn which lists are served. Redis is up where all are there and sessions can be."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hgetall(VERSIONS)
        pipeline.hgetall(REFUSED)
        versions, refused = pipeline.execute()
        self._look_at_memory()
        self._versions, self._refused = _texts(versions), _texts(refused)
        popular = self._versions.get(TOP_TRACKS, "")
        if popular and popular != self._popular_version:
            packed: Any = self._client.hget(f"{VERSIONS}:{TOP_TRACKS}:{popular}", EVERYONE)
            if packed:
                self._fallback.popular, self._popular_version = packed, popular
        if missing := self._missing():
            # A Redis that was restarted: its lists are being loaded again.
            self._link.lost(f"no lists there yet: {', '.join(missing)}")
            return
        began = time.monotonic()
        self._store.probe()  # a Redis that is full, or a replica, can be read but not used
        seconds = time.monotonic() - began
        if not self._link.up and seconds > self._quick:
            self._link.lost(f"Redis: it answers, but took {seconds:.2f} s")
            return
        self._fallback.notes.hand_over(self._store)
        self._link.found()
        # What came between the two; from now on requests hand over what they owe themselves.
        self._fallback.notes.hand_over(self._store)

    def _look_at_memory(self) -> None:
        self._memory = read_memory(self._client)
        if self._memory is not None:
            now, evicted = time.monotonic(), self._memory.evicted
            if self._evicted and evicted < self._evicted[-1][1]:  # a new server counts anew
                self._evicted.clear()
            self._evicted.append((now, evicted))
            while now - self._evicted[0][0] > LATELY:
                self._evicted.popleft()

    def _tell_shares(self) -> None:
        """Say it once when the fallback answers too much, and once when that is over."""
        found = list(too_much_fallback(self._metrics.own_shares(), self._max_fallback_share))
        if bool(found) != self._told_shares:
            self._told_shares = bool(found)
            _log.warning(
                "worker %d: %s",
                os.getpid(),
                "; ".join(found) or "the fallback answers no more than it may again",
            )

    def _missing(self) -> tuple[str, ...]:
        return tuple(name for name in self._needed if name not in self._versions)


def _texts(found: Mapping[bytes, bytes]) -> Mapping[str, str]:
    return {key.decode(): value.decode(errors="replace") for key, value in found.items()}
