"""Requests that Redis does not answer in time, while it does answer others."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from botify.catalog import Catalog, unpack
from botify.config import Config, LogConfig
from botify.event_log.writer import EventLog
from botify.live_routing import LiveRouting
from botify.observability.metrics import Metrics
from botify.observability.recommender_failures import RecommenderFailures
from botify.plays import Play
from botify.recommenders import Resources, build_recommenders
from botify.service import Service
from botify.store.circuit_breaker import CircuitBreaker
from botify.store.client import connect
from botify.store.fallback import FALLBACK, Fallback
from botify.store.sessions import SessionStore
from botify.worker_context import WorkerContext

from .logs import lines

pytestmark = pytest.mark.integration

N_TRACKS = 10_000
"""So many that what the fallback cannot know of is not drawn again by chance."""


class Worker:
    """The parts that answer, with a Redis that has a fifth of a second."""

    def __init__(self, client: "redis.Redis", log_dir: Path) -> None:
        self.breaker, self.fallback = CircuitBreaker(), Fallback(N_TRACKS, b"")
        self.log = EventLog(log_dir, 1, LogConfig())
        context = WorkerContext(
            client=client,
            store=SessionStore(client, 100, N_TRACKS),
            breaker=self.breaker,
            fallback=self.fallback,
            log=self.log,
            metrics=Metrics(),
            failures=RecommenderFailures(Metrics()),
        )
        nothing = [""] * N_TRACKS
        resources = Resources(Catalog(nothing, nothing), {})
        recommenders = {"random": {"type": "random_unseen"}}
        config = Config.model_validate({"recommenders": recommenders, "default": "random"})
        self.service = Service(
            context,
            LiveRouting(config, lambda of: build_recommenders(of, resources), "r"),
            seed=None,
            world_version="w",
        )

    def next(self, track: int) -> int:
        return self.service.next(7, Play(track, 0.5), {}, 0.0)


@pytest.fixture
def worker(valkey_url: str, client: "redis.Redis", tmp_path: Path) -> Iterator[Worker]:
    with connect(valkey_url, timeout=0.2) as impatient:
        worker = Worker(impatient, tmp_path / "log")
        yield worker
        worker.log.close()


def test_one_late_answer_among_others_costs_that_request_alone(
    worker: Worker, client: "redis.Redis", valkey_url: str, tmp_path: Path
) -> None:
    first = worker.next(0)
    client.execute_command("CLIENT", "PAUSE", 1000, "ALL")
    # Another thread was answered by and by.
    others = threading.Timer(
        0.1, lambda: setattr(worker.breaker, "answered_at", time.monotonic() + 1)
    )
    others.start()
    second = worker.next(first)
    others.join()
    assert worker.breaker.up
    # Whoever is asked next knows what was offered, though it was not Redis who offered it.
    with connect(valkey_url) as patient:
        opened = SessionStore(patient, 100, N_TRACKS).open_session(7, second, 0.5, (0.5, 0.5))
    assert {0, first, second} <= set(unpack(opened.seen))
    assert worker.next(second) not in {0, first, second}
    assert worker.fallback.outbox.pending_users == set()
    answered = [line["recommender"] for line in lines(tmp_path / "log")]
    assert answered == ["random", FALLBACK, "random"]


def test_a_late_answer_where_there_are_no_others_is_the_last_that_is_waited_for(
    worker: Worker, client: "redis.Redis", tmp_path: Path
) -> None:
    track = worker.next(0)
    client.execute_command("CLIENT", "PAUSE", 1000, "ALL")
    for _ in range(3):
        track = worker.next(track)
    assert not worker.breaker.up
    answered = lines(tmp_path / "log")
    assert [line["recommender"] for line in answered] == ["random", *[FALLBACK] * 3]
    offered = {0, *(line["recommendation"] for line in answered)}
    assert len(offered) == 5
    # Up again before the monitor's next round: the user's next request tells Redis by itself.
    client.ping()
    worker.breaker.probe_succeeded()
    worker.breaker.probe_succeeded()
    assert worker.next(track) not in offered
