"""Metrics that are read when they are asked for: the latest report of a worker, the event log."""

import platform
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from botify.event_log.ledger import Ledger
from botify.observability.health import WorkerReport
from botify.observability.worker_table import WorkerTable
from botify.version import VERSION


class StateCollector(Collector):
    """State that all workers share, with labels that come and go."""

    def __init__(self) -> None:
        """Without a report at first."""
        self.state: WorkerReport | None = None
        self.table: WorkerTable | None = None

    def collect(self) -> Iterator[Metric]:
        """As of the latest report."""
        build = GaugeMetricFamily("botify_build_info", "Always 1.", labels=["version", "python"])
        build.add_metric([VERSION, platform.python_version()], 1)
        yield build
        if self.table is not None:
            for name, text, value in (
                ("workers", "Workers that the service should have.", self.table.workers),
                ("workers_serving", "Workers that answer.", self.table.serving()),
            ):
                yield GaugeMetricFamily(f"botify_{name}", text, value=value)
        if self.state is None:
            return
        refused, models = self.state.refused, self.state.models
        lists = self.state.lists.keys() | (refused.keys() - models.keys())
        yield from _versions("list", self.state.lists, lists, refused)
        yield from _versions("model", models, models, refused)
        yield GaugeMetricFamily(
            "botify_config_refused",
            "Whether the newest config file was refused, or is gone.",
            value=bool(self.state.config_refusal),
        )
        written = GaugeMetricFamily(
            "botify_file_written_timestamp_seconds",
            "When the newest file of a list or model was written, in seconds since 1970.",
            labels=["name"],
        )
        for name, at in self.state.written.items():
            written.add_metric([name], at)
        yield written
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


def _versions(
    kind: str, versions: Mapping[str, str], names: Iterable[str], refused: Mapping[str, str]
) -> Iterator[Metric]:
    """Of all lists, or of all session models."""
    info = GaugeMetricFamily(
        f"botify_{kind}_info",
        f"Version of each {kind} served; always 1.",
        labels=["name", "version"],
    )
    for pair in versions.items():
        info.add_metric(pair, 1)
    yield info
    failed = GaugeMetricFamily(
        f"botify_{kind}_refused",
        f"Whether a {kind}'s newest file was refused, or is gone.",
        labels=["name"],
    )
    for name in names:
        failed.add_metric([name], name in refused)
    yield failed


class LogCollector(Collector):
    """Counts of all workers' event logs; any process with the ledger can collect them."""

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
