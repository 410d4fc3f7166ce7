"""What Prometheus reads, from one worker and from several of which one was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from botify.event_log.ledger import IN_MEMORY, LOST, SPILLED, WRITTEN, Ledger, LogTotals
from botify.event_log.status import LogStatus
from botify.observability.fallback_shares import FallbackShare
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics
from botify.store.redis_memory import RedisMemory

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

LOG = LogStatus(Path("log/data.json"), 10, 0, 3, 1.5, "", 4096, True, 2, 100)


def state(log: LogStatus = LOG, **changes: object) -> WorkerReport:
    known: dict[str, object] = {
        "redis_up": True,
        "redis_reason": "",
        "lists": {"dae": "a1", "top_tracks": "b2"},
        "missing": (),
        "refused": {"dae": "why"},
        "log": log,
    }
    return WorkerReport(**{**known, **changes})  # type: ignore[arg-type]


def parse(text: bytes) -> Samples:
    """Value by name and sorted labels; the parser refuses what Prometheus would."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, /, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def test_answers_are_timed_by_route_and_recommender() -> None:
    metrics = Metrics()
    for seconds in (0.0003, 0.0004, 0.02, 3.0):
        metrics.observe_answer("next", "dae", seconds, 7_200_000)
    metrics.observe_answer("last", None, 0.0002, 7_199_999)
    samples = parse(metrics.render())
    of_dae = {"route": "next", "recommender": "dae"}
    assert value(samples, "botify_request_seconds_count", **of_dae) == 4
    assert value(samples, "botify_request_seconds_sum", **of_dae) == pytest.approx(3.0207)
    assert value(samples, "botify_request_seconds_bucket", le="0.0005", **of_dae) == 2
    assert value(samples, "botify_request_seconds_bucket", le="0.25", **of_dae) == 3
    assert value(samples, "botify_request_seconds_count", route="last", recommender="") == 1


def test_events_are_counted_by_the_hour_of_their_timestamp() -> None:
    metrics = Metrics()
    day = 24 * 3_600_000
    for timestamp in (0, 3_599_999, 3_600_000, day, day + 23 * 3_600_000):
        metrics.observe_answer("last", None, 0.001, timestamp)
    samples = parse(metrics.render())
    counts = [value(samples, "botify_events_total", hour=f"{hour:02}") for hour in range(24)]
    assert counts == [3, 1, *[0] * 21, 1]


def test_what_went_wrong_is_counted() -> None:
    metrics = Metrics()
    metrics.count_fallback("dae", "top_pop")
    metrics.count_error("next", 400)
    metrics.count_error("next", 400)
    metrics.count_redis_failure("timeout")
    samples = parse(metrics.render())
    assert value(samples, "botify_fallbacks_total", wanted="dae", answered="top_pop") == 1
    assert value(samples, "botify_refused_total", route="next", status="400") == 2
    assert value(samples, "botify_redis_failures_total", kind="timeout") == 1


def test_models_have_metrics_of_their_own() -> None:
    metrics = Metrics()
    models = {"sessions": "m1", "other": ""}
    metrics.publish(state(models=models, refused={"dae": "cut off", "sessions": "gone"}))
    samples = parse(metrics.render())
    assert value(samples, "botify_model_info", name="sessions", version="m1") == 1
    assert value(samples, "botify_model_refused", name="sessions") == 1
    assert value(samples, "botify_model_refused", name="other") == 0
    assert value(samples, "botify_list_refused", name="dae") == 1
    of_lists = {labels for name, labels in samples if name.startswith("botify_list_")}
    assert not any(("name", model) in labels for labels in of_lists for model in models)


def test_the_newest_state_is_shown_and_nothing_of_the_one_before() -> None:
    metrics = Metrics()
    metrics.publish(state())
    samples = parse(metrics.render())
    assert value(samples, "botify_redis_up") == 1
    assert value(samples, "botify_list_info", name="dae", version="a1") == 1
    assert value(samples, "botify_list_refused", name="dae") == 1
    assert value(samples, "botify_list_refused", name="top_tracks") == 0
    assert value(samples, "botify_log_free_bytes") == 4096
    assert value(samples, "botify_log_low_space") == 1
    assert value(samples, "botify_log_unshipped_files") == 2
    assert value(samples, "botify_log_unshipped_bytes") == 100

    metrics.publish(state(redis_up=False, lists={"dae": "c3"}, refused={}))
    samples = parse(metrics.render())
    assert value(samples, "botify_redis_up") == 0
    lists = {labels for name, labels in samples if name == "botify_list_info"}
    assert lists == {(("name", "dae"), ("version", "c3"))}
    assert value(samples, "botify_list_refused", name="dae") == 0


def test_fallbacks_are_counted_by_treatment_from_the_next_state_on() -> None:
    metrics = Metrics()
    for number in range(10):
        metrics.count_treatments({"A": "C" if number % 2 else "T1"}, number == 3)
    metrics.count_treatments({}, fallback=False)
    assert metrics.fallback_shares() == []
    for _ in range(2):
        metrics.publish(state())
    samples = parse(metrics.render())
    control = {"experiment": "A", "treatment": "C"}
    treated = {"experiment": "A", "treatment": "T1"}
    assert value(samples, "botify_treatment_answers_total", **control) == 5
    assert value(samples, "botify_treatment_fallbacks_total", **control) == 1
    assert value(samples, "botify_treatment_fallbacks_total", **treated) == 0
    assert sorted(metrics.fallback_shares()) == [
        FallbackShare("", "", 11, 1),
        FallbackShare("A", "C", 5, 1),
        FallbackShare("A", "T1", 5, 0),
    ]


def test_the_memory_of_redis_is_told_where_it_is_known() -> None:
    metrics = Metrics()
    metrics.publish(state())
    assert b"evicted" not in metrics.render()
    metrics.publish(state(memory=RedisMemory(100, 200, "volatile-lru", 7)))
    samples = parse(metrics.render())
    assert value(samples, "botify_redis_evicted_keys_total") == 7
    assert value(samples, "botify_redis_memory_used_bytes") == 100
    assert value(samples, "botify_redis_memory_max_bytes") == 200


def test_the_log_is_that_of_all_workers_whoever_renders() -> None:
    ledger = Ledger(2)
    metrics = Metrics(ledger)
    for key, counts in ((1, (10, 2, 3, 0)), (2, (20, 0, 0, 4))):
        cells = ledger.take(key).cells
        for cell, count in zip((WRITTEN, LOST, SPILLED, IN_MEMORY), counts, strict=True):
            cells[cell] = count
    samples = parse(metrics.render())
    assert value(samples, "botify_log_events_total") == 30
    assert value(samples, "botify_log_events_lost_total") == 2
    assert value(samples, "botify_log_pending_events") == 7
    assert value(samples, "botify_log_pending_events_in_memory") == 4
    assert value(samples, "botify_log_pending_events_orphaned") == 0
    assert metrics.log_totals() == LogTotals(written=30, lost=2, pending=7, in_memory=4)


_WORKER = """
import sys
from pathlib import Path
from botify.event_log.status import LogStatus
from botify.observability.health import WorkerReport
from botify.observability.metrics import Metrics

log = LogStatus(Path("x"), 10, 1, 5, 2.0, "disk full", 4096, False, 1, 1)
metrics = Metrics()
metrics.observe_answer("next", "dae", 0.001, 0)
metrics.count_treatments({"A": "C"}, True)
metrics.publish(WorkerReport(sys.argv[1] == "up", "", {"dae": "a1"}, (), {}, log))
print("ready", flush=True)
for _ in sys.stdin:
    print(*metrics.fallback_shares(), sep="; ", flush=True)
    print(metrics.render().decode() + "# EOF", flush=True)
"""


class Worker:
    """A process that counted one answer."""

    def __init__(self, directory: Path, redis: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, redis],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def render(self) -> tuple[str, Samples]:
        """The shares of the fallback lately, and the metrics."""
        assert self.process.stdin is not None
        print(file=self.process.stdin, flush=True)
        shares = self._line()
        lines = list(iter(self._line, "# EOF"))
        return shares, parse("\n".join(lines).encode() + b"\n")


@pytest.mark.integration
def test_a_killed_worker_keeps_its_counts_and_loses_its_say(tmp_path: Path) -> None:
    workers = [Worker(tmp_path, redis) for redis in ("up", "down")]
    try:
        shares, samples = workers[0].render()
        assert shares.endswith(
            "FallbackShare(experiment='A', treatment='C', answers=2, fallbacks=2)"
        )
        assert value(samples, "botify_redis_up") == 0
        assert value(samples, "botify_list_info", name="dae", version="a1") == 1

        workers[1].process.send_signal(signal.SIGKILL)
        workers[1].process.wait()
        workers.append(Worker(tmp_path, "up"))
        for worker in (workers[0], workers[2]):
            shares, samples = worker.render()
            # Lately, of those who live; since the start, of all.
            assert shares.endswith(
                "FallbackShare(experiment='A', treatment='C', answers=2, fallbacks=2)"
            )
            control = {"experiment": "A", "treatment": "C"}
            assert value(samples, "botify_treatment_fallbacks_total", **control) == 3
            assert value(samples, "botify_redis_up") == 1
            answered = {"route": "next", "recommender": "dae"}
            assert value(samples, "botify_request_seconds_count", **answered) == 3
            assert value(samples, "botify_request_seconds_bucket", le="0.001", **answered) == 3
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.communicate()


def test_what_came_of_recommendations_is_counted_by_treatment() -> None:
    metrics = Metrics()
    metrics.count_attributed({"A": "T", "B": "C"}, "addtocart")
    metrics.count_attributed({"A": "T"}, "addtocart")
    metrics.count_attributed({}, "view")
    samples = parse(metrics.render())
    name = "botify_shop_attributed_events_total"
    assert value(samples, name, experiment="A", treatment="T", kind="addtocart") == 2
    assert value(samples, name, experiment="B", treatment="C", kind="addtocart") == 1
    assert sum(found for (each, _), found in samples.items() if each == name) == 3


def test_age_memory_and_cold_answers() -> None:
    metrics = Metrics()
    metrics.count_cold("reco")
    metrics.observe_event_lag(30)
    metrics.publish(state(written={"dae": 1234.5}))
    samples = parse(metrics.render())
    assert value(samples, "botify_file_written_timestamp_seconds", name="dae") == 1234.5
    assert value(samples, "botify_memory_bytes") > 10_000_000
    assert value(samples, "botify_cold_answers_total", route="reco") == 1
    assert value(samples, "botify_shop_event_lag_seconds_bucket", le="10.0") == 0
    assert value(samples, "botify_shop_event_lag_seconds_bucket", le="60.0") == 1
