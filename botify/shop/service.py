"""The use case `recommendations`: choose a recommender, get its items, log the answer."""

import random
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from botify.config import ShopConfig
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting, Routing
from botify.observability.metrics import Metrics
from botify.shop.answers import Answer, Answers
from botify.shop.recommenders import ItemRecommender, popular_source
from botify.shop.request import ItemRequest
from botify.store.fallback import FALLBACK

_Routing = Routing[ItemRecommender]
_POPULAR = popular_source().answers_as


class ShopService:
    """The use case behind `/recommendations`."""

    def __init__(
        self,
        answers: Answers,
        routing: LiveRouting[ShopConfig, ItemRecommender],
        log: EventLog,
        metrics: Metrics,
        shadow: str | None = None,
    ) -> None:
        """`routing` has the recommender of each user, and `shadow`, whose answers are logged."""
        self._answers = answers
        self._routing = routing
        self._log = log
        self._metrics = metrics
        self._shadow = shadow
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
        if forced:
            return self._answer(routing, recommender, request, started, {}, forced)
        return self._answer(routing, recommender, request, started, treatments)

    def preview(self, request: ItemRequest) -> tuple[Answer, Mapping[str, str]]:
        """What the request would be answered now, and the treatments; nothing is logged."""
        routing = self._routing.current
        treatments = routing.experiments.assign(request.user)
        recommender = routing.recommender(treatments, {})
        return self._answers.of(recommender, request), treatments

    def recommend_with(
        self, recommender: ItemRecommender, request: ItemRequest, started: float, fill: bool
    ) -> dict[str, Any]:
        """The answer of one recommender, outside all experiments; see `Answers.of`."""
        return self._answer(self._routing.current, recommender, request, started, {}, fill=fill)

    def _answer(
        self,
        routing: _Routing,
        recommender: ItemRecommender,
        request: ItemRequest,
        started: float,
        treatments: Mapping[str, str],
        forced: Mapping[str, str] | None = None,
        fill: bool = True,
    ) -> dict[str, Any]:
        found = self._answers.of(recommender, request, fill)
        answer: dict[str, Any] = {
            "recs": found.items,
            "request": f"{self._rng.getrandbits(128):032x}",
            "sources": found.sources,
            "roles": found.roles,
            "because": found.because,
            "model_version": found.version,
        }
        shadow = self._of_shadow(routing, request) if self._shadow else None
        seconds = perf_counter() - started
        event: dict[str, object] = {
            "message": "recommend",
            "timestamp": found.at,
            "user": request.user,
            "items": found.items,
            "sources": found.sources,
            "scores": found.scores,
            "request": answer["request"],
            "experiments": treatments,
            "recommender": found.recommender,
            "model_version": found.version,
            "latency": seconds,
            "k": request.k,
            "session": request.session,
            "run": routing.run,
            "roles": found.roles,
            "because": found.because,
        }
        if forced:
            event["forced"] = forced
        if self._shadow:
            event["shadow"] = shadow
        if found.ranked is not None and found.ranked.version:
            event["features"] = found.ranked.logged(found.items)
        self._log.write(event)
        answered = found.recommender
        self._metrics.observe_answer("recommendations", answered, seconds, found.at)
        self._metrics.count_treatments(treatments, answered == FALLBACK)
        if answered != recommender.name:
            self._metrics.count_fallback(recommender.name, answered)
            if answered == _POPULAR:
                self._metrics.count_cold("recommendations")
        return answer

    def _of_shadow(self, routing: _Routing, request: ItemRequest) -> dict[str, Any]:
        found = self._answers.of(routing.recommenders[self._shadow or ""], request)
        return {
            "recommender": found.recommender,
            "items": found.items,
            "sources": found.sources,
        }
