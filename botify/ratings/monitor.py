"""The background thread of a worker of the ratings face."""

from collections.abc import Mapping
from typing import Any

from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.monitor_thread import MonitorThread
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.ratings.publications import STORE, LivePublication, Publications
from botify.ratings.recommenders import RatingRecommender


class RatingsMonitor(MonitorThread):
    """Keeps publications and routing up to date; at once when a store failed."""

    store_name = STORE

    def __init__(
        self,
        publications: Publications,
        routing: LiveRouting[Any, RatingRecommender],
        log: EventLog,
        metrics: Metrics,
        failures: RecommenderFailures,
        max_fallback_share: float,
    ) -> None:
        super().__init__(log, metrics, publications.wake, max_fallback_share)
        self._publications = publications
        self._routing = routing
        self._failures = failures

    def report(self) -> WorkerReport:
        """The state as of the last round; no call to a store."""
        served = self._served()
        absent = [each.refusal for each in served.values() if each.current is None]
        down = [each.breaker.reason for each in served.values() if not each.breaker.up]
        return WorkerReport(
            redis_up=not down,
            redis_reason="; ".join(dict.fromkeys(down)),
            lists={},
            missing=(),
            refused={name: each.refusal for name, each in served.items() if each.refusal},
            log=self._log.status(),
            models={
                name: each.current.version if each.current else "" for name, each in served.items()
            },
            max_fallback_share=self._max_fallback_share,
            failing=self._failures.recent(),
            config_refusal=self._routing.refusal,
            config_pending=self._routing.pending,
            serves="items",
            store=STORE,
            no_answers="; ".join(dict.fromkeys(absent)),
        )

    def stop(self) -> None:
        """End the thread, and close the log and all stores."""
        super().stop()
        self._publications.close()

    def _is_up(self) -> bool:
        return all(each.breaker.up for each in self._served().values())

    def _round(self) -> None:
        try:
            self._publications.refresh()
        finally:
            self._routing.refresh()
            self._publish()

    def _served(self) -> Mapping[str, LivePublication]:
        recommenders = self._routing.current.recommenders
        return {name: each.publication for name, each in recommenders.items()}
