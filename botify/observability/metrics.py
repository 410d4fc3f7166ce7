"""What Prometheus asks for at `/metrics`.

Where the environment has PROMETHEUS_MULTIPROC_DIR when prometheus_client is first imported, the
processes that share that directory count together, and any of them can render all; see
https://prometheus.github.io/client_python/multiprocess/. What a killed worker counted stays.
"""

import os
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from botify.event_log.ledger import Ledger, LogTotals
from botify.observability.fallback_shares import ALL, Share, Shares, Treatment
from botify.observability.health import State
from botify.observability.worker_reports import is_alive, share_state, shared
from botify.observability.worker_table import Roster

_BUCKETS = tuple(ms / 1000 for ms in (0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 15, 25, 50, 100, 250))
"""Seconds. A fallback must answer within 50 ms; most answers take less than one."""
_MS_PER_HOUR = 3_600_000


class Exposition:
    """Renders what all workers counted; made in any of their processes, or their parent's."""

    def __init__(self, ledger: Ledger, own: CollectorRegistry | None = None) -> None:
        """`ledger` is where all workers' event logs count; `own` has what this process counts,
        where it is the only one."""
        self._ledger = ledger
        self._surroundings = _Surroundings()
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._directory = Path(directory) if directory else None
        self._all = own if own and not directory else CollectorRegistry()
        if directory:
            MultiProcessCollector(self._all, directory)  # type: ignore[no-untyped-call]  # has no types
        self._all.register(self._surroundings)
        self._all.register(LogFigures(ledger))

    def states(self) -> list[State]:
        """What each worker published last."""
        return shared(self._directory) if self._directory else []

    def log_trouble(self) -> LogTotals:
        """What all workers' event logs count now."""
        return self._ledger.totals()

    def fallback_shares(self) -> list[Share]:
        """Of the last five minutes, over all workers, as last published."""
        self._forget_the_dead()
        found: dict[Treatment, dict[str, int]] = {}
        names = {f"botify_treatment_recent_{each}": each for each in ("answers", "fallbacks")}
        for metric in self._all.collect():
            if metric.name in names:
                for sample in metric.samples:
                    pair = sample.labels["experiment"], sample.labels["treatment"]
                    found.setdefault(pair, {})[names[metric.name]] = int(sample.value)
        return [
            Share(*pair, n["answers"], n["fallbacks"]) for pair, n in found.items() if n["answers"]
        ]

    def render(self, states: Sequence[State] = (), roster: Roster | None = None) -> bytes:
        """Everything, in Prometheus' text format; what is the same for all workers, from one."""
        self._forget_the_dead()
        if states:
            self._surroundings.state = states[0]
        self._surroundings.roster = roster
        return generate_latest(self._all)

    def _forget_the_dead(self) -> None:
        """Remove gauges of workers that are gone: what they say holds no longer."""
        if self._directory is None:
            return
        for path in self._directory.glob("gauge_live*_*.db"):
            if not is_alive(int(path.stem.rpartition("_")[2])):
                path.unlink(missing_ok=True)


class Metrics(Exposition):
    """Counts what this worker does, too."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        """Make it once per process, and in several processes only after the fork.

        `ledger` is where all workers' event logs count.
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
        self._treated = (
            Counter("botify_treatment_answers", "Tracks answered.", by_treatment, registry=own),
            Counter(
                "botify_treatment_fallbacks",
                "Those of them that were answered without Redis.",
                by_treatment,
                registry=own,
            ),
        )
        self._treated_lately = (
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
        self._redis_up = _gauge(
            own, "botify_redis_up", "Whether every worker reaches Redis.", "livemin"
        )
        # Counting may need a larger file, which a full disk refuses. No request fails for that.
        self._harmless = suppress(OSError)
        # Their files are made here and now, and not when a disk may be full.
        last = ("last", "")
        self._children = {last: self._seconds.labels(*last)}
        for lately in self._treated_lately:
            lately.labels(*ALL)
        self._publishing = threading.Lock()
        self._shares = Shares()
        self._lately: list[Share] = []
        self._shared: dict[Treatment, Share] = {}  # that the counters know of

    def answered(
        self, route: str, recommender: str | None, seconds: float, timestamp: int
    ) -> None:
        """An event, of `timestamp` ms, was answered with 200, by this recommender if by any."""
        key = route, recommender or ""
        with self._harmless:
            child = self._children.get(key)
            if child is None:  # looking a child up by its labels takes longer than counting
                child = self._children[key] = self._seconds.labels(*key)
            child.observe(seconds)
            self._hours[timestamp // _MS_PER_HOUR % 24].inc()

    def fallback(self, wanted: str, answered: str) -> None:
        """One recommender stood in for another."""
        with self._harmless:
            self._fallbacks.labels(wanted, answered).inc()

    def treated(self, treatments: Mapping[str, str], fallback: bool) -> None:
        """A track was answered to a user with these treatments, by experiment.

        It is seen by others from the next `publish` on.
        """
        self._shares.count(treatments, fallback)

    def refused(self, route: str, status: int) -> None:
        """A request got an error. `route` must be one of a few: each is kept for good."""
        with self._harmless:
            self._refused.labels(route, status).inc()

    def redis_failure(self, kind: str) -> None:
        """A call to Redis failed, in one of a few kinds of ways."""
        with self._harmless:
            self._redis_failures.labels(kind).inc()

    def publish(self, state: State) -> None:
        """Make this worker's newest state the one that is rendered."""
        with self._publishing:
            self._redis_up.set(state.redis_up)
            self._surroundings.state = state
            with self._harmless:
                self._publish_shares()
            if self._directory:
                share_state(self._directory, state)

    def _publish_shares(self) -> None:
        total = self._shares.total()
        for pair, share in total.items():
            known = self._shared.get(pair)
            answers, fallbacks = self._treated
            if pair != ALL:  # of all together botify_request_seconds tells
                answers.labels(*pair).inc(share.answers - (known.answers if known else 0))
                fallbacks.labels(*pair).inc(share.fallbacks - (known.fallbacks if known else 0))
            self._shared[pair] = share
        lately = self._shares.lately()
        self._lately = list(lately.values())
        for pair, share in lately.items():
            answers_lately, fallbacks_lately = self._treated_lately
            answers_lately.labels(*pair).set(share.answers)
            fallbacks_lately.labels(*pair).set(share.fallbacks)

    def own_shares(self) -> list[Share]:
        """Of the last five minutes, of this worker alone, as last published."""
        return self._lately


class _Surroundings(Collector):
    """Facts that are the same whichever worker tells them; labels come and go with them."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.roster: Roster | None = None

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("botify_build_info", "Always 1.", labels=["version", "python"])
        build.add_metric([version("botify"), platform.python_version()], 1)
        yield build
        if self.roster is not None:
            for name, text, value in (
                ("workers", "Workers that the service should have.", self.roster.workers),
                ("workers_serving", "Workers that answer.", self.roster.serving()),
            ):
                yield GaugeMetricFamily(f"botify_{name}", text, value=value)
        if self.state is None:
            return
        lists = GaugeMetricFamily(
            "botify_list_info",
            "Version of each list served; always 1.",
            labels=["name", "version"],
        )
        for pair in {**self.state.lists, **self.state.models}.items():
            lists.add_metric(pair, 1)
        yield lists
        refused = GaugeMetricFamily(
            "botify_list_refused", "Whether a list's newest file was refused.", labels=["name"]
        )
        for name in self.state.lists.keys() | self.state.models.keys() | self.state.refused.keys():
            refused.add_metric([name], name in self.state.refused)
        yield refused
        memory = self.state.memory
        if memory is not None:
            yield CounterMetricFamily(
                "botify_redis_evicted_keys",
                "Sessions (and whatever else Redis holds) dropped to make room, as Redis counts.",
                value=memory.evicted,
            )
            for name, text, value in (
                ("used", "What Redis uses.", memory.used),
                ("max", "Its limit, maxmemory; 0 where it has none.", memory.limit),
            ):
                yield GaugeMetricFamily(f"botify_redis_memory_{name}_bytes", text, value=value)
        log = self.state.log
        for name, text, value in (
            ("free_bytes", "Space left on the event log's disk.", log.free_bytes),
            ("low_space", "Whether that is below log.min_free_bytes.", log.low_space),
            ("unshipped_files", "Log files not marked as shipped.", log.unshipped_files),
            ("unshipped_bytes", "Their bytes.", log.unshipped_bytes),
        ):
            yield GaugeMetricFamily(f"botify_log_{name}", text, value=value)


class LogFigures(Collector):
    """What all workers' event logs count; any process that has the ledger may tell it."""

    def __init__(self, ledger: Ledger) -> None:
        """The ledger of the workers."""
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """As of now."""
        totals = self._ledger.totals()
        for name, text, count in (
            ("events", "Events written.", totals.written),
            ("events_lost", "Events that will never be written.", totals.lost),
        ):
            yield CounterMetricFamily(f"botify_log_{name}", text, value=count)
        for name, text, value in (
            ("pending_events", "Events that wait for the disk.", totals.pending),
            ("pending_events_in_memory", "Those in a worker's memory alone.", totals.in_memory),
            ("pending_events_orphaned", "Those that a dead worker left.", totals.orphaned),
            ("failing", "Workers whose events the disk refuses.", totals.failing),
            ("lag_seconds", "Age of the oldest event that waits.", totals.lag_seconds),
        ):
            yield GaugeMetricFamily(f"botify_log_{name}", text, value=value)


def _gauge(
    registry: CollectorRegistry,
    name: str,
    text: str,
    mode: Literal["livemin", "livemax", "livesum"],
    labels: Sequence[str] = (),
) -> Gauge:
    """A gauge of this worker; `mode` says how those of several make one."""
    return Gauge(name, text, labels, registry=registry, multiprocess_mode=mode)
