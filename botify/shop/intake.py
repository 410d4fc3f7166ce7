"""The use case `events`: what visitors do is logged, and then known to the next answer."""

import random
import time
from collections.abc import Sequence
from itertools import count
from time import monotonic
from typing import Any, NamedTuple

from botify.config import EventsConfig, ShopConfig
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.shop.features.counts import counted_as
from botify.shop.redis_calls import RedisCalls
from botify.store.client import StoreError
from botify.store.event_outbox import EventOutbox
from botify.store.visitor_events import (
    ConflictError,
    StoredEvent,
    VisitorEvents,
    digest_of,
    id_digest,
    pack_recent,
)
from contract.shop_events import PURCHASE, ShopEvent

AHEAD_MS = 60_000
"""A later time than so many ms from now is not believed: it would stay the newest for long."""


IMPRESSION = "impression"
"""The kind that tells what was shown: nothing that a visitor did."""


class Taken(NamedTuple):
    """What became of the events of a request."""

    accepted: int
    repeated: int
    """Those that had been taken before, by their ids."""
    unknown_items: int | None
    """Accepted ones whose item the catalog does not have; None without Redis."""
    ahead: int
    """Accepted ones whose time lay in the future: they have the time at which they came."""


class LogFullError(Exception):
    """The event log has no room for some of the events; the message says for how many."""


class _Fresh(NamedTuple):
    """An event that was not taken before, as far as is known."""

    event: ShopEvent
    id: str
    key: bytes
    digest: bytes
    at: int


class EventIntake:
    """Takes events: ids are claimed, lines are written, and then the events are committed.

    In this order, whatever dies in between, an event that was acknowledged is in the log, and one
    that was not may be sent again: without its line it is not taken for a repeat.
    """

    def __init__(
        self,
        calls: RedisCalls,
        log: EventLog,
        metrics: Metrics,
        events: VisitorEvents,
        outbox: EventOutbox,
        config: EventsConfig,
        routing: LiveRouting[ShopConfig, Any],
    ) -> None:
        """`outbox` gets what Redis does not take."""
        self._calls = calls
        self._log = log
        self._metrics = metrics
        self._events = events
        self._outbox = outbox
        self._not_recent = frozenset(config.not_recent)
        self._ttl_ms = config.ttl * 1000
        self._routing = routing
        self._random = random.Random()
        self._numbers = count()
        self.kinds = config.all_kinds

    def take(self, events: Sequence[ShopEvent]) -> Taken:
        """Log them, and make them known. Raises ConflictError, and then takes none; LogFullError,
        and then has taken the first ones."""
        now = time.time_ns() // 1_000_000
        fresh, places, repeated = self._fresh(events, now)
        fresh, known = self._claimed(fresh, places)
        repeated += known
        ahead = sum(f.event.timestamp is not None and f.event.timestamp != f.at for f in fresh)
        run = self._routing.current.run
        done = self._log.write_all([_line(each, now, run) for each in fresh])
        lost, fresh = len(fresh) - done, fresh[:done]
        outcome = self._commit([self._stored(each, now) for each in fresh])
        late = 0 if outcome is None else outcome.lower().count("r")  # another request was faster
        taken = Taken(
            len(fresh) - late,
            repeated + late,
            None if outcome is None else outcome.count("A"),
            ahead,
        )
        kinds = [each.event.event for each in fresh]
        times = [each.at for each in fresh]
        self._metrics.count_shop_events(kinds, times, taken.repeated, taken.unknown_items or 0)
        new = (
            fresh
            if outcome is None
            else [each for each, told in zip(fresh, outcome, strict=True) if told not in "rR"]
        )
        self._count_attributed(new, now)
        if lost:
            raise LogFullError(
                f"the event log's disk is full: {done:,} of {done + lost:,} events were taken; "
                "send them all again when it has room: those with an id are not taken twice"
            )
        return taken

    def _count_attributed(self, fresh: Sequence[_Fresh], now: int) -> None:
        experiments = self._routing.current.experiments
        for each in fresh:
            self._metrics.observe_event_lag(max(0, now - each.at) / 1000)
            if each.event.request is not None and each.event.event != IMPRESSION:
                treatments = experiments.assign(each.event.user)
                self._metrics.count_attributed(treatments, each.event.event)

    def _fresh(self, events: Sequence[ShopEvent], now: int) -> tuple[list[_Fresh], list[int], int]:
        """Events with different ids, their places, and how many are repeats within the request."""
        fresh: list[_Fresh] = []
        places: list[int] = []
        digests: dict[str, bytes] = {}
        repeated = 0
        for place, event in enumerate(events):
            at = event.timestamp
            at = now if at is None or at > now + AHEAD_MS else at
            if event.id is None:
                number = next(self._numbers) & 0xFFFF
                own = f"{now:012x}{number:04x}{self._random.getrandbits(64):016x}"
                fresh.append(_Fresh(event, own, b"", b"", at))
            else:
                digest = digest_of(event)
                known = digests.setdefault(event.id, digest)
                if known is not digest:
                    if known != digest:
                        raise ConflictError(place)
                    repeated += 1
                    continue
                fresh.append(_Fresh(event, event.id, id_digest(event.id), digest, at))
            places.append(place)
        return fresh, places, repeated

    def _claimed(self, fresh: list[_Fresh], places: list[int]) -> tuple[list[_Fresh], int]:
        """Those that were not taken before, and how many were. Raises ConflictError."""
        named = [number for number, each in enumerate(fresh) if each.key]
        if not named or not self._calls.up:
            return fresh, 0
        try:
            pairs = [(fresh[number].key, fresh[number].digest) for number in named]
            known = self._events.claim(pairs)
        except ConflictError as error:
            raise ConflictError(places[named[error.place]]) from None
        except StoreError as error:
            self._calls.failed(error)
            return fresh, 0
        before = {number for number, taken in zip(named, known, strict=True) if taken}
        return [each for number, each in enumerate(fresh) if number not in before], len(before)

    def _commit(self, stored: list[StoredEvent]) -> str | None:
        """The outcome of each; None without Redis, which gets them later."""
        if not stored:
            return ""
        if self._calls.up:
            try:
                outcome = self._events.commit(stored)
                self._calls.answered(monotonic())
                return outcome
            except StoreError as error:
                self._outbox.add(stored)  # first: `failed` wakes the monitor, which flushes it
                self._calls.failed(error)
                return None
        self._outbox.add(stored)
        return None

    def _stored(self, each: _Fresh, now: int) -> StoredEvent:
        event = each.event
        kept = event.event not in self._not_recent
        packed = pack_recent(each.id, event.event, event.item) if kept else b""
        expires = now + self._ttl_ms
        counted = counted_as(event.event, each.at) if kept else ("", "")
        user, item = event.user, event.item
        purchase = "1" if event.event == PURCHASE else ""
        stored = (each.key, each.digest, user, item, each.at, packed, expires, *counted, purchase)
        return StoredEvent(*stored)


def _line(each: _Fresh, now: int, run: str) -> dict[str, object]:
    event = each.event
    line: dict[str, object] = {
        "message": "event",
        "timestamp": each.at,
        "user": event.user,
        "item": event.item,
        "event": event.event,
        "id": each.id,
        "session": event.session,
        "received": now,
        "run": run,
    }
    for name in ("request", "transaction", "value", "price", "quantity"):
        value = getattr(event, name)
        if value is not None:
            line[name] = value
    if event.timestamp is not None and event.timestamp != each.at:
        line["claimed"] = event.timestamp
    return line
