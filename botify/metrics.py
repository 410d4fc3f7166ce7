"""What Prometheus asks for at `/metrics`.

Where the environment has PROMETHEUS_MULTIPROC_DIR when prometheus_client is first imported, the
processes that share that directory count together, and any of them can render all; see
https://prometheus.github.io/client_python/multiprocess/. What a killed worker counted stays.
"""

import os
import platform
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from botify.health import LogTrouble, State
from botify.roster import Roster
from botify.shared_state import is_alive, share, shared

_BUCKETS = tuple(ms / 1000 for ms in (0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 15, 25, 50, 100, 250))
"""Seconds. A fallback must answer within 50 ms; most answers take less than one."""
_MS_PER_HOUR = 3_600_000


class Exposition:
    """Renders what all workers counted; made in any of their processes, or their parent's."""

    def __init__(self, own: CollectorRegistry | None = None) -> None:
        """`own` has what this process counts, where it is the only one."""
        self._surroundings = _Surroundings()
        directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self._directory = Path(directory) if directory else None
        self._all = own if own and not directory else CollectorRegistry()
        if directory:
            MultiProcessCollector(self._all, directory)  # type: ignore[no-untyped-call]  # has no types
        self._all.register(self._surroundings)

    def states(self) -> list[State]:
        """What each worker published last."""
        return shared(self._directory) if self._directory else []

    def log_trouble(self) -> LogTrouble:
        """What all workers' event logs suffer, as last published."""
        self._forget_the_dead()
        values = {
            sample.name: sample.value
            for metric in self._all.collect()
            for sample in metric.samples
            if not sample.labels
        }
        return LogTrouble(
            failing=int(values.get("botify_log_failing", 0)),
            lost=int(values.get("botify_log_events_lost_total", 0)),
        )

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

    def __init__(self) -> None:
        """Make it once per process, and in several processes only after the fork."""
        own = CollectorRegistry()
        super().__init__(own)
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
        self._written = Counter("botify_log_events", "Events written.", registry=own)
        self._lost = Counter(
            "botify_log_events_lost", "Events never written: the disk was full.", registry=own
        )
        self._redis_up = _gauge(
            own, "botify_redis_up", "Whether every worker reaches Redis.", "livemin"
        )
        self._failing = _gauge(
            own, "botify_log_failing", "Workers whose events the disk refuses.", "livesum"
        )
        self._pending = _gauge(
            own, "botify_log_pending_events", "Events that wait for the disk.", "livesum"
        )
        self._lag = _gauge(
            own, "botify_log_lag_seconds", "Age of the oldest event that waits.", "livemax"
        )
        # Counting may need a larger file, which a full disk refuses. No request fails for that.
        self._harmless = suppress(OSError)
        # Its file is made here and now, and not when a disk may be full.
        last = ("last", "")
        self._children = {last: self._seconds.labels(*last)}
        self._publishing = threading.Lock()
        self._published = (0, 0)  # events written and lost that the counters know of

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
        log = state.log
        with self._publishing:
            written, lost = self._published
            self._published = log.written, log.lost
            self._written.inc(log.written - written)
            self._lost.inc(log.lost - lost)
            self._redis_up.set(state.redis_up)
            self._failing.set(bool(log.failing))
            self._pending.set(log.pending)
            self._lag.set(log.lag_seconds)
            self._surroundings.state = state
            if self._directory:
                share(self._directory, state)


class _Surroundings(Collector):
    """Facts that are the same whichever worker tells them; labels come and go with them."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.roster: Roster | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
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
        log = self.state.log
        for name, text, value in (
            ("free_bytes", "Space left on the event log's disk.", log.free_bytes),
            ("low_space", "Whether that is below log.min_free_bytes.", log.low_space),
            ("unshipped_files", "Log files not marked as shipped.", log.unshipped_files),
            ("unshipped_bytes", "Their bytes.", log.unshipped_bytes),
        ):
            yield GaugeMetricFamily(f"botify_log_{name}", text, value=value)


def _gauge(
    registry: CollectorRegistry,
    name: str,
    text: str,
    mode: Literal["livemin", "livemax", "livesum"],
) -> Gauge:
    """A gauge of this worker; `mode` says how those of several make one."""
    return Gauge(name, text, registry=registry, multiprocess_mode=mode)
