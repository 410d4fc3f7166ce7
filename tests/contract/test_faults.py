"""Redis that stops, dies, hangs, fills up or comes back empty, under real load.

The `redis_timeout` is the shipped one here, so a very busy machine may cause a fallback at any
time: what is required of a healthy phase is that the recommenders answer, not that they alone do.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import redis

from botify.config import Config

from .load import (
    Diary,
    Event,
    Load,
    all_are,
    ask,
    by_user,
    check_log,
    check_sessions,
    is_filtered,
    logged_answer,
    metric,
    quantile,
    until,
    valkeys_of,
)
from .valkey_server import Valkey

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]
Botify = Callable[..., Any]

SHIPPED_TIMEOUT = {"redis_timeout": Config.model_fields["redis_timeout"].default}
PROMISED = 0.05
"""Seconds in which an answer comes while Redis is away."""
DAE_USER = 7
LISTS = {b"dae", b"contextual", b"top_tracks"}

Window = tuple[float, float]


class Observer:
    """Waits for the service to see a fault, and its end; remembers when both were."""

    def __init__(self, url: str, load: Load) -> None:
        self._url = url
        self._load = load
        self.away: list[Window] = []
        """From when all workers knew of a fault until its end began."""
        self.healthy: list[Window] = []

    def outage(self, answers: int = 20) -> None:
        """All workers notice, say so, and answer so often to every client."""
        until(lambda: all_are(self._url, "degraded"))
        began = time.monotonic()
        # On a busy machine another reason may stand there first: a worker that was not heard of.
        until(lambda: self._says_why(ask(self._url, "/health")))
        assert ask(self._url, "/health/live")[0] == 200
        assert until(lambda: metric(self._url, "botify_redis_up") == 0)
        self._load.goes_on(answers)
        self.away.append((began, time.monotonic()))

    @staticmethod
    def _says_why(health: tuple[int, Any]) -> bool:
        status, body = health
        assert (status, body["status"]) == (503, "bad")
        return any(reason.startswith("Redis is unavailable (") for reason in body["reasons"])

    def health(self) -> None:
        """All workers are back by themselves."""
        until(lambda: metric(self._url, "botify_redis_up") == 1)
        until(lambda: all_are(self._url, "ready"))
        began = time.monotonic()
        self._load.goes_on(40)
        self.healthy.append((began, time.monotonic()))


def within(windows: list[Window], load: Load, events: list[Event]) -> list[list[Event]]:
    """The events of the answers that were asked for and given within each window."""
    by_answer = {logged_answer(event): event for event in events}
    return [
        [
            by_answer[answer.asked, answer.recommendation]
            for answer in load.answers
            if began <= answer.began and answer.ended <= ended
        ]
        for began, ended in windows
    ]


def check_windows(observer: Observer, load: Load, events: list[Event]) -> None:
    for window in within(observer.away, load, events):
        assert window
        for event in window:
            assert event["session"] is None
            assert event["model_version"] is None
            assert event["recommender"] == ("fallback" if event["message"] == "next" else None)
    for window in within(observer.healthy, load, events):
        answered = [event for event in window if event["message"] == "next"]
        for name in ("dae", "contextual"):
            assert any(e["recommender"] == name and e["model_version"] for e in answered), name
        assert sum(e["recommender"] != "fallback" for e in answered) > len(answered) / 2


def check_offers(events: list[Event]) -> None:
    """A session is not offered again what it was answered without Redis, by whoever.

    For a Redis that loses nothing, and clients that each stay with one worker.
    """
    for mine in by_user(events).values():
        heard: set[int] = set()
        without_redis: set[int] = set()
        for event in mine:
            heard.add(event["track"])
            if event["recommender"] == "fallback":
                assert event["recommendation"] not in without_redis, event
                without_redis |= {event["track"], event["recommendation"]}
            elif is_filtered(event):
                assert event["recommendation"] not in heard, event
            heard.add(event["recommendation"])
            if event["message"] == "last":
                heard, without_redis = set(), set()


def test_redis_stops_hangs_and_dies_during_a_load_and_no_request_fails(serve: Serve) -> None:
    with Valkey() as valkey:
        served = serve(SHIPPED_TIMEOUT, REDIS_URL=valkey.url)
        with Load(served.url, clients=6) as load:
            observer = Observer(served.url, load)
            observer.health()
            for end in (valkey.stop, valkey.kill):
                end()
                observer.outage()
                valkey.start()
                observer.health()
                with valkey.client() as client:
                    assert set(client.hkeys("botify:lists")) == LISTS
            paused = time.monotonic()
            valkey.pause()
            observer.outage()
            time.sleep(max(0.0, paused + 2 - time.monotonic()))
            hung = (paused, time.monotonic())
            valkey.resume()
            observer.health()
            load.goes_on()
        assert load.failures == []
        assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    check_windows(observer, load, events)
    # In the handler, so that neither the clients nor the queue before them count. Only the
    # requests that find out about a fault wait for Redis, a handful of hundreds: a high quantile
    # does not see them, nor the few that a busy machine left waiting for a core.
    for window in within([*observer.away, hung], load, events):
        assert quantile((event["latency"] for event in window), 0.9) < PROMISED
    check_sessions(events)


def test_a_session_is_not_offered_again_what_it_was_offered_while_redis_hung(
    serve: Serve,
) -> None:
    with Valkey() as valkey:
        served = serve(SHIPPED_TIMEOUT, REDIS_URL=valkey.url)
        # Slow listeners: most sessions see both Redis and the fallback.
        with Load(served.url, clients=8, pause=0.1) as load:
            observer = Observer(served.url, load)
            for _ in range(4):
                load.goes_on(3)
                valkey.pause()
                observer.outage(3)
                valkey.resume()
                until(lambda: all_are(served.url, "ready"))
        assert load.failures == []
        assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    check_sessions(events)
    check_offers(events)
    assert {"dae", "fallback"} <= {event["recommender"] for event in events}


def test_a_port_that_accepts_and_never_answers_is_given_up(serve: Serve, botify: Botify) -> None:
    with Valkey() as valkey:
        served = serve(SHIPPED_TIMEOUT, REDIS_URL=valkey.url)
        with Load(served.url) as load:
            observer = Observer(served.url, load)
            observer.health()
            valkey.stop()
            with socket.create_server(("127.0.0.1", valkey.port), backlog=512):
                observer.outage()
                done = botify(
                    "serve", "--data-dir", served.data_dir, "--port", "0", REDIS_URL=valkey.url
                )
            valkey.start()
            observer.health()
        assert load.failures == []
        assert served.stop() == 0
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Redis: ")
    assert done.stderr.count("\n") == 1
    events = served.log()
    check_log(events, load)
    check_sessions(events)
    check_windows(observer, load, events)
    (window,) = within(observer.away, load, events)
    assert quantile((event["latency"] for event in window), 0.9) < PROMISED


def test_the_services_own_valkey_is_replaced_when_it_dies(serve: Serve) -> None:
    served = serve(SHIPPED_TIMEOUT)
    diary = Diary(served)
    with Load(served.url) as load:
        observer = Observer(served.url, load)
        observer.health()
        (before,) = valkeys_of(served.process.pid)
        os.kill(before, signal.SIGKILL)
        until(lambda: set(valkeys_of(served.process.pid)) - {before})
        observer.health()
        url = json.loads((served.data_dir / "serve.json").read_text())["redis_url"]
        with redis.Redis.from_url(url) as client:
            assert set(client.hkeys("botify:lists")) == LISTS
    assert load.failures == []
    assert served.stop() == 0
    assert any("Valkey had died" in line["message"] for line in diary.lines())
    events = served.log()
    check_log(events, load)
    check_sessions(events)
    check_windows(observer, load, events)


def test_a_redis_that_refuses_writes_is_a_redis_that_is_away(serve: Serve) -> None:
    with Valkey() as valkey, valkey.client() as client:
        served = serve(SHIPPED_TIMEOUT, REDIS_URL=valkey.url)
        diary = Diary(served)
        with Load(served.url) as load:
            observer = Observer(served.url, load)
            observer.health()
            client.config_set("maxmemory", 1)  # full, with nothing that it may evict
            observer.outage()
            time.sleep(1)
            client.config_set("maxmemory", 0)
            observer.health()
        assert load.failures == []
        assert served.stop() == 0
    # One fault is told once by each worker, not with each request.
    assert len(diary.lines()) < 50
    events = served.log()
    check_log(events, load)
    check_sessions(events)
    check_windows(observer, load, events)


def test_lists_that_somebody_flushed_come_back(serve: Serve) -> None:
    with Valkey() as valkey, valkey.client() as client:
        served = serve(SHIPPED_TIMEOUT, REDIS_URL=valkey.url)
        with Load(served.url) as load:
            observer = Observer(served.url, load)
            client.flushall()
            until(lambda: set(client.hkeys("botify:lists")) == LISTS)
            observer.health()
        assert load.failures == []
        assert served.stop() == 0
    events = served.log()
    check_log(events, load)
    check_windows(observer, load, events)


@pytest.mark.parametrize("noticed_by", ["the worker", "a request of the same session"])
def test_a_session_that_ended_while_redis_hung_is_over_when_it_is_back(
    serve: Serve, connect: Connect, noticed_by: str
) -> None:
    with Valkey() as valkey:
        # With one thread there is one connection, and what is sent on it while Redis hangs is
        # read by Redis when it goes on.
        one = {"workers": 1, "threads": 1}
        served = serve(SHIPPED_TIMEOUT | one, REDIS_URL=valkey.url)
        connection = connect(served.url)

        def play(route: str, track: int) -> int | None:
            status, body = connection.play(route, DAE_USER, track, 0.5)
            assert status == 200
            found: int | None = body.get("track")
            return found

        until(lambda: all_are(served.url, "ready"))
        first = play("next", 0)
        valkey.pause()
        if noticed_by == "the worker":
            until(lambda: all_are(served.url, "degraded"))
        play("next", 1)
        play("last", 2)
        until(lambda: all_are(served.url, "degraded"))
        valkey.resume()
        until(lambda: all_are(served.url, "ready"))
        again = play("next", 0)
        assert served.stop() == 0
    before, during, last, after = served.log()
    assert [event["session"] for event in (during, last)] == [None, None]
    assert after["session"] != before["session"]
    assert first == again  # the best of the list, as if nothing had been heard


def test_events_of_an_outage_have_an_order(serve: Serve, connect: Connect) -> None:
    with Valkey() as valkey:
        served = serve(SHIPPED_TIMEOUT | {"workers": 1}, REDIS_URL=valkey.url)
        connection = connect(served.url)
        valkey.kill()
        for number in range(300):
            assert connection.play("next", DAE_USER, 0, number / 1000)[0] == 200
        assert served.stop() == 0
    events = served.log()
    assert {event["recommender"] for event in events} == {"fallback"}
    assert [event["time"] for event in events] == [number / 1000 for number in range(300)]
    assert all(a["timestamp"] < b["timestamp"] for a, b in pairwise(events))
