"""The use case `recommendations`: choose a recommender, get its items, log the answer."""

import random
import time
from collections.abc import Mapping
from time import monotonic, perf_counter
from typing import Any

from botify.config import ShopConfig
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.shop.recommenders import ItemRecommender, popular_source
from botify.shop.redis_calls import RedisCalls
from botify.shop.request import ItemRequest
from botify.store.client import StoreError
from botify.store.fallback import FALLBACK
from botify.store.items import ItemStore, PopularItems, Source, TopItems
from botify.store.visitor_events import RecentEvent
from botify.worker_context import WorkerContext

_POPULAR = popular_source()


class ItemLookup:
    """Asks Redis while it is available, and reports to the circuit breaker how that went."""

    def __init__(self, store: ItemStore, calls: RedisCalls) -> None:
        self._store = store
        self._calls = calls

    def top(
        self,
        most: int,
        sources: tuple[Source, ...],
        exclude: tuple[str, ...] = (),
        *,
        user: str = "",
        recent: int = 0,
        details: bool = False,
    ) -> TopItems | None:
        """As `ItemStore.top`; None without Redis."""
        if not self._calls.up:
            return None
        try:
            found = self._store.top(
                most, sources, exclude, user=user, recent=recent, details=details
            )
        except StoreError as error:
            self._calls.failed(error)
            return None
        self._calls.answered(monotonic())
        return found

    def item(self, item: str) -> dict[str, Any] | None:
        """As `ItemStore.item`. Raises StoreError."""
        self._calls.check()
        try:
            return self._store.item(item)
        except StoreError as error:
            self._calls.failed(error)
            raise

    def recent(self, user: str, most: int) -> tuple[RecentEvent, ...] | None:
        """As `ItemStore.recent`; None without Redis."""
        found = self.top(0, (), user=user, recent=most)
        return None if found is None else found.recent


class ShopService:
    """The use case behind `/recommendations`."""

    def __init__(
        self,
        worker: WorkerContext[ItemStore, PopularItems],
        lookup: ItemLookup,
        routing: LiveRouting[ShopConfig, ItemRecommender],
    ) -> None:
        """`routing` has the recommender of each user."""
        self._lookup = lookup
        self._routing = routing
        self._popular = worker.fallback
        self._log: EventLog = worker.log
        self._metrics: Metrics = worker.metrics
        self._failures = worker.failures
        self._rng = random.Random()

    def recommend(
        self, request: ItemRequest, forced: Mapping[str, str], started: float
    ) -> dict[str, Any]:
        """The answer to a request. `started`: perf_counter() when it came in.

        `forced`: treatments that the request asks for; they replace the assigned ones. Up to `k`
        items: of the recommender, then popular ones. Without Redis, popular ones from memory.
        """
        routing = self._routing.current
        treatments = routing.experiments.assign(request.user)
        recommender = routing.recommender(treatments, forced)
        excluded = (*request.exclude, *request.items)
        found = self._found(recommender, request, excluded) or self._fallback(request, excluded)
        answered = found.sources[0] if found.sources else recommender.name
        answer: dict[str, Any] = {
            "recs": found.items,
            "request": f"{self._rng.getrandbits(128):032x}",
            "sources": found.sources,
            "model_version": found.version,
        }
        seconds = perf_counter() - started
        timestamp = time.time_ns() // 1_000_000
        event: dict[str, object] = {
            "message": "recommend",
            "timestamp": timestamp,
            "user": request.user,
            "items": found.items,
            "sources": found.sources,
            "scores": found.scores,
            "request": answer["request"],
            "experiments": {} if forced else treatments,
            "recommender": answered,
            "model_version": found.version,
            "latency": seconds,
            "k": request.k,
            "session": request.session,
            "run": routing.run,
        }
        if forced:
            event["forced"] = forced
        self._log.write(event)
        self._metrics.observe_answer("recommendations", answered, seconds, timestamp)
        self._metrics.count_treatments({} if forced else treatments, answered == FALLBACK)
        if answered != recommender.name:
            self._metrics.count_fallback(recommender.name, answered)
        return answer

    def _found(
        self, recommender: ItemRecommender, request: ItemRequest, excluded: tuple[str, ...]
    ) -> TopItems | None:
        try:
            sources = (*recommender.sources(request), _POPULAR)
            return self._lookup.top(request.k, sources, excluded, user=request.user)
        except (Exception, SystemExit) as error:  # of a plug-in: items are answered all the same
            self._failures.note(recommender.name, error)
            return self._lookup.top(request.k, (_POPULAR,), excluded)

    def _fallback(self, request: ItemRequest, excluded: tuple[str, ...]) -> TopItems:
        found = list(self._popular.top(request.k, frozenset(excluded)))
        items, scores = [item for item, _ in found], [score for _, score in found]
        return TopItems(items, scores, [FALLBACK] * len(items), None)
