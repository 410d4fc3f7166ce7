"""What a worker does besides answering, with a real Valkey."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.catalog import pack
from botify.config import ListFile, LogConfig
from botify.event_log.writer import EventLog
from botify.lists.loader import load_list
from botify.lists.reader import ListKind
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.plays import Play
from botify.store.candidates import from_catalog
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.client import connect
from botify.store.fallback import Fallback
from botify.store.sessions import SessionStore
from botify.worker_context import WorkerContext
from botify.worker_monitor import WorkerMonitor

pytestmark = pytest.mark.integration

N_TRACKS = 20
PLAN = (from_catalog("random"),)


def load_popular(client: "redis.Redis", directory: Path, tracks: list[int]) -> str:
    """Put a list of popular tracks into service; its version."""
    path = directory / "top_tracks.json"
    path.write_text(str(tracks))
    return load_list(client, "top_tracks", ListFile(file=path), ListKind.TOP, N_TRACKS).version


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Worker:
    """The parts that the monitor uses."""

    def __init__(self, url: str, log_dir: Path) -> None:
        client = connect(url, timeout=0.2)
        self.breaker, self.fallback = CircuitBreaker(), Fallback(N_TRACKS, b"")
        self.store = SessionStore(client, 100, N_TRACKS)
        self.log = EventLog(log_dir, 1, LogConfig())
        context = WorkerContext(
            client,
            self.store,
            self.breaker,
            self.fallback,
            self.log,
            Metrics(),
            RecommenderFailures(Metrics()),
        )
        self.file = log_dir / "top.json"
        lists = {"top_tracks": ListFile(file=self.file)}
        self.monitor = WorkerMonitor(context, lists, redis_timeout=0.2)


@pytest.fixture
def worker(valkey_url: str, client: "redis.Redis", tmp_path: Path) -> Iterator[Worker]:
    load_popular(client, tmp_path, [3, 4])
    worker = Worker(valkey_url, tmp_path / "log")
    worker.monitor.start()
    yield worker
    worker.monitor.stop()


def test_the_first_look_knows_all(worker: Worker) -> None:
    state = worker.monitor.report()
    assert (state.redis_up, state.missing) == (True, ())
    assert set(state.lists) == {"top_tracks"}
    assert worker.fallback.popular == pack([3, 4])


def test_new_popular_tracks_reach_the_fallback(
    worker: Worker, client: "redis.Redis", tmp_path: Path
) -> None:
    version = load_popular(client, tmp_path, [9])
    eventually(lambda: worker.fallback.popular == pack([9]))
    assert worker.monitor.report().lists == {"top_tracks": version}


def test_redis_is_used_again_once_its_lists_are_back(
    worker: Worker, client: "redis.Redis", tmp_path: Path
) -> None:
    client.flushall()
    eventually(lambda: not worker.breaker.up)
    assert worker.monitor.report().missing == ("top_tracks",)
    assert "top_tracks" in worker.breaker.reason
    load_popular(client, tmp_path, [3, 4])
    eventually(lambda: worker.breaker.up)
    assert worker.breaker.reason == ""


def test_sessions_that_ended_unheard_are_ended_when_redis_is_back(worker: Worker) -> None:
    session = worker.store.next(7, 0, PLAN, (0.5, 0.5)).session
    worker.breaker.trip("for this test")
    worker.fallback.last(7)
    eventually(lambda: worker.breaker.up)
    assert worker.fallback.outbox.pending() == []
    assert worker.store.next(7, 0, PLAN, (0.5, 0.5)).session != session


def test_what_the_fallback_offered_is_known_before_redis_is_used_again(worker: Worker) -> None:
    first = worker.store.next(7, 0, PLAN, (0.5, 0.5))
    worker.breaker.trip("for this test")
    offered = [
        worker.fallback.next(7, Play(track, 1.0), b"", keep_play=False).track for track in (1, 2)
    ]
    eventually(lambda: worker.breaker.up)
    known = {0, first.track, 1, 2, *offered}
    left = [worker.store.next(7, 0, PLAN, (i / N_TRACKS, 0.5)) for i in range(N_TRACKS)]
    assert {offer.session for offer in left} == {first.session}
    fresh = [offer.track for offer in left[: N_TRACKS - len(known)]]
    assert sorted(fresh) == sorted(set(range(N_TRACKS)) - known)


def test_a_redis_that_answers_slowly_is_not_used_again(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = True
    probe = worker.store.probe

    def probed() -> None:
        probe()
        time.sleep(0.15 if slow else 0)

    monkeypatch.setattr(worker.store, "probe", probed)
    worker.breaker.trip("for this test")
    eventually(lambda: "slowly (0.1" in worker.breaker.reason)
    assert not worker.breaker.up
    slow = False
    eventually(lambda: worker.breaker.up)


def test_dropped_keys_are_counted_and_forgotten(worker: Worker, client: "redis.Redis") -> None:
    assert worker.monitor.report().evicted == 0
    used: Any = client.info("memory")["used_memory"]
    client.config_set("maxmemory-policy", "volatile-lru")
    client.config_set("maxmemory", used + 2**20)
    try:
        for number in range(200):
            client.set(f"session {number}", bytes(20_000), ex=100)
        eventually(lambda: worker.monitor.report().evicted > 50)
        memory = worker.monitor.report().memory
        assert memory is not None
        assert (memory.limit, memory.policy) == (used + 2**20, "volatile-lru")
        assert worker.breaker.up
    finally:
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


def test_a_redis_that_is_full_is_not_used(worker: Worker, client: "redis.Redis") -> None:
    client.config_set("maxmemory", 1)
    try:
        worker.breaker.recheck()
        eventually(lambda: not worker.breaker.up)
        assert worker.breaker.reason.startswith("Redis is full (")
        assert "used of maxmemory 0.0 MiB, maxmemory-policy noeviction" in worker.breaker.reason
    finally:
        client.config_set("maxmemory", 0)
    eventually(lambda: worker.breaker.up)


def test_the_age_of_a_list_is_that_of_its_file(worker: Worker) -> None:
    assert worker.monitor.report().written == {}  # gone, or not there yet
    worker.file.parent.mkdir(parents=True, exist_ok=True)
    worker.file.write_text("")
    os.utime(worker.file, (5, 77))
    assert worker.monitor.report().written == {"top_tracks": 77}
