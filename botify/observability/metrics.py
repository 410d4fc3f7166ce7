"""Service metrics, for Prometheus at `/metrics`.

If the environment has PROMETHEUS_MULTIPROC_DIR when prometheus_client is first imported, the
processes that share that directory count together, and any of them can render all; see
https://prometheus.github.io/client_python/multiprocess/. The counts of a killed worker stay.
"""

import os
import threading
from collections import Counter as TallyCounter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from botify.event_log.ledger import Ledger, LogTotals
from botify.observability.collectors import LogCollector, StateCollector
from botify.observability.fallback_shares import ALL, FallbackShare, FallbackShares, Treatment
from botify.observability.health import WorkerReport
from botify.observability.resident import resident_bytes
from botify.observability.worker_reports import is_alive, read_reports, write_report
from botify.observability.worker_table import WorkerTable

_BUCKETS = tuple(ms / 1000 for ms in (0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 15, 25, 50, 100, 250))
"""Seconds. The fallback must answer within 50 ms; most answers take less than one."""
_LAG_BUCKETS = (1, 10, 60, 600, 3600, 6 * 3600, 86_400)
"""Seconds."""
_MS_PER_HOUR = 3_600_000


class Exposition:
    """Renders the metrics of all workers; in a worker or in the parent."""

    def __init__(self, ledger: Ledger, own: CollectorRegistry | None = None) -> None:
        """`ledger`: counts of all workers' event logs. `own`: metrics of this process, used if it
        is the only one."""
        self._ledger = ledger
        self._state_collector = StateCollector()
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._directory = Path(directory) if directory else None
        self._all = own if own and not directory else CollectorRegistry()
        if directory:
            MultiProcessCollector(self._all, directory)  # type: ignore[no-untyped-call]  # has no types
        self._all.register(self._state_collector)
        self._all.register(LogCollector(ledger))

    def states(self) -> list[WorkerReport]:
        """The latest report of each worker."""
        return read_reports(self._directory) if self._directory else []

    def log_totals(self) -> LogTotals:
        """Sums over all workers' event logs now."""
        return self._ledger.totals()

    def fallback_shares(self) -> list[FallbackShare]:
        """Shares of the last five minutes, over all workers, as last published."""
        self._drop_dead_worker_gauges()
        found: dict[Treatment, dict[str, int]] = {}
        names = {f"botify_treatment_recent_{each}": each for each in ("answers", "fallbacks")}
        for metric in self._all.collect():
            if metric.name in names:
                for sample in metric.samples:
                    pair = sample.labels["experiment"], sample.labels["treatment"]
                    found.setdefault(pair, {})[names[metric.name]] = int(sample.value)
        return [
            FallbackShare(*pair, n["answers"], n["fallbacks"])
            for pair, n in found.items()
            if n["answers"]
        ]

    def render(
        self, states: Sequence[WorkerReport] = (), table: WorkerTable | None = None
    ) -> bytes:
        """All metrics, in Prometheus' text format; the state from the first report."""
        self._drop_dead_worker_gauges()
        if states:
            self._state_collector.state = states[0]
        self._state_collector.table = table
        return generate_latest(self._all)

    def _drop_dead_worker_gauges(self) -> None:
        """Remove the gauges of workers that ended."""
        if self._directory is None:
            return
        for path in self._directory.glob("gauge_live*_*.db"):
            if not is_alive(int(path.stem.rpartition("_")[2])):
                path.unlink(missing_ok=True)


class Metrics(Exposition):
    """The metrics of this worker, and their rendering with those of the others."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        """Make one per process, after the fork.

        `ledger`: counts of all workers' event logs.
        """
        own = CollectorRegistry()
        super().__init__(ledger or Ledger(), own)
        self._seconds = Histogram(
            "botify_request_seconds",
            "Time in the handler of requests answered with 200.",
            ["route", "recommender"],
            buckets=_BUCKETS,
            registry=own,
        )
        self._refused = Counter(
            "botify_refused", "Requests answered with an error.", ["route", "status"], registry=own
        )
        self._fallbacks = Counter(
            "botify_fallbacks",
            "Tracks answered by another recommender than the experiment names.",
            ["wanted", "answered"],
            registry=own,
        )
        by_treatment = ["experiment", "treatment"]
        self._by_treatment = (
            Counter("botify_treatment_answers", "Tracks answered.", by_treatment, registry=own),
            Counter(
                "botify_treatment_fallbacks",
                "Those of them that were answered without Redis.",
                by_treatment,
                registry=own,
            ),
        )
        self._recent_by_treatment = (
            _gauge(
                own,
                "botify_treatment_recent_answers",
                "Tracks answered in the last five minutes.",
                "livesum",
                by_treatment,
            ),
            _gauge(
                own,
                "botify_treatment_recent_fallbacks",
                "Those of them that were answered without Redis.",
                "livesum",
                by_treatment,
            ),
        )
        self._recommender_failures = Counter(
            "botify_recommender_failures",
            "Requests in which the code of a recommender failed; another answered.",
            ["recommender"],
            registry=own,
        )
        self._redis_failures = Counter(
            "botify_redis_failures", "Calls to Redis that failed.", ["kind"], registry=own
        )
        hours = Counter(
            "botify_events",
            "Events answered, by the UTC hour of the day of their timestamps.",
            ["hour"],
            registry=own,
        )
        self._hours = [hours.labels(f"{hour:02}") for hour in range(24)]
        self._shop_events = Counter(
            "botify_shop_events", "Events of visitors, by kind.", ["kind"], registry=own
        )
        self._repeated_events = Counter(
            "botify_shop_events_repeated",
            "Events whose id was known: they were not taken again.",
            registry=own,
        )
        self._unknown_items = Counter(
            "botify_shop_events_unknown_items",
            "Events of items that the catalog does not have.",
            registry=own,
        )
        self._attributed = Counter(
            "botify_shop_attributed_events",
            "Events that name the answer they came from, by the visitor's treatments.",
            ["experiment", "treatment", "kind"],
            registry=own,
        )
        self._event_lag = Histogram(
            "botify_shop_event_lag_seconds",
            "Time from an event to its arrival.",
            buckets=_LAG_BUCKETS,
            registry=own,
        )
        self._cold = Counter(
            "botify_cold_answers",
            "Answers to users of whom too little was known for a personal one.",
            ["route"],
            registry=own,
        )
        self._memory = _gauge(
            own, "botify_memory_bytes", "Resident memory of the workers, summed.", "livesum"
        )
        self._redis_up = _gauge(
            own, "botify_redis_up", "Whether every worker reaches Redis.", "livemin"
        )
        # A counter may need a larger file, which a full disk refuses. No request must fail then.
        self._ignore_disk_errors = suppress(OSError)
        # Makes their files now, and not when the disk may be full.
        last = ("last", "")
        self._children = {last: self._seconds.labels(*last)}
        for gauge in self._recent_by_treatment:
            gauge.labels(*ALL)
        self._publishing = threading.Lock()
        self._shares = FallbackShares()
        self._recent: list[FallbackShare] = []
        self._published: dict[Treatment, FallbackShare] = {}  # as last added to the counters

    def observe_answer(
        self, route: str, recommender: str | None, seconds: float, timestamp: int
    ) -> None:
        """An event of `timestamp` ms was answered with 200, by this recommender (None: `last`)."""
        key = route, recommender or ""
        with self._ignore_disk_errors:
            child = self._children.get(key)
            if child is None:  # the look-up by labels takes longer than counting
                child = self._children[key] = self._seconds.labels(*key)
            child.observe(seconds)
            self._hours[timestamp // _MS_PER_HOUR % 24].inc()

    def count_shop_events(
        self, kinds: Iterable[str], times: Iterable[int], repeated: int, unknown_items: int
    ) -> None:
        """Events of visitors were logged, of these kinds and times in ms; others were repeats."""
        hours = TallyCounter(at // _MS_PER_HOUR % 24 for at in times)
        with self._ignore_disk_errors:
            for hour, number in hours.items():
                self._hours[hour].inc(number)
            for kind, number in TallyCounter(kinds).items():
                self._shop_events.labels(kind).inc(number)
            self._repeated_events.inc(repeated)
            self._unknown_items.inc(unknown_items)

    def count_attributed(self, treatments: Mapping[str, str], kind: str) -> None:
        """A visitor with these treatments, by experiment, did this with what was recommended."""
        with self._ignore_disk_errors:
            for experiment, treatment in treatments.items():
                self._attributed.labels(experiment, treatment, kind).inc()

    def observe_event_lag(self, seconds: float) -> None:
        """An event came in so long after its time."""
        with self._ignore_disk_errors:
            self._event_lag.observe(seconds)

    def count_cold(self, route: str) -> None:
        """Too little was known of the user for a personal answer."""
        with self._ignore_disk_errors:
            self._cold.labels(route).inc()

    def observe_request(self, route: str, seconds: float) -> None:
        """A request that is no event was answered with 200."""
        with self._ignore_disk_errors:
            self._seconds.labels(route, "").observe(seconds)

    def count_of(self, route: str) -> int:
        """How often all workers answered this route with 200 since the start."""
        return sum(
            int(sample.value)
            for metric in self._all.collect()
            for sample in metric.samples
            if sample.name == "botify_request_seconds_count" and sample.labels["route"] == route
        )

    def count_fallback(self, wanted: str, answered: str) -> None:
        """One recommender answered instead of another."""
        with self._ignore_disk_errors:
            self._fallbacks.labels(wanted, answered).inc()

    def count_treatments(self, treatments: Mapping[str, str], fallback: bool) -> None:
        """A user with these treatments (by experiment) was answered with a track.

        In the metrics from the next `publish` on.
        """
        self._shares.count(treatments, fallback)

    def count_error(self, route: str, status: int) -> None:
        """A request got an error. `route` must be one of a few: each is a time series."""
        with self._ignore_disk_errors:
            self._refused.labels(route, status).inc()

    def count_recommender_failure(self, name: str) -> None:
        """The code of this recommender failed in a request."""
        with self._ignore_disk_errors:
            self._recommender_failures.labels(name).inc()

    def count_redis_failure(self, kind: str) -> None:
        """A call to Redis failed; `kind` is that of a StoreError."""
        with self._ignore_disk_errors:
            self._redis_failures.labels(kind).inc()

    def publish(self, state: WorkerReport) -> None:
        """Publish this worker's newest report."""
        with self._publishing:
            self._redis_up.set(state.redis_up)
            self._memory.set(resident_bytes())
            self._state_collector.state = state
            with self._ignore_disk_errors:
                self._publish_shares()
            if self._directory:
                write_report(self._directory, state)

    def _publish_shares(self) -> None:
        total = self._shares.total()
        for pair, share in total.items():
            known = self._published.get(pair)
            answers, fallbacks = self._by_treatment
            if pair != ALL:  # botify_request_seconds counts all of them
                answers.labels(*pair).inc(share.answers - (known.answers if known else 0))
                fallbacks.labels(*pair).inc(share.fallbacks - (known.fallbacks if known else 0))
            self._published[pair] = share
        recent = self._shares.recent()
        self._recent = list(recent.values())
        for pair, share in recent.items():
            recent_answers, recent_fallbacks = self._recent_by_treatment
            recent_answers.labels(*pair).set(share.answers)
            recent_fallbacks.labels(*pair).set(share.fallbacks)

    def own_fallback_shares(self) -> list[FallbackShare]:
        """Shares of the last five minutes, of this worker alone, as last published."""
        return self._recent


def _gauge(
    registry: CollectorRegistry,
    name: str,
    text: str,
    mode: Literal["livemin", "livemax", "livesum"],
    labels: Sequence[str] = (),
) -> Gauge:
    """A gauge of this worker; `mode`: how the values of all workers are combined."""
    return Gauge(name, text, labels, registry=registry, multiprocess_mode=mode)
