"""A clock that jumps back and forth, by hours: order, names, ages and lag hold."""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from botify.catalog import pack
from botify.config import LogConfig
from botify.event_log.writer import EventLog
from botify.store import fallback as fallback_module
from botify.store.candidates import from_catalog
from botify.store.fallback import Fallback
from botify.store.sessions import SessionStore

from ..logs import SMALL, Clock, full_disk, users

HOUR = 3600.0
STEPS = st.lists(
    st.one_of(
        st.just(("write", 0.0)),
        st.tuples(st.just("jump"), st.floats(-48, 48).map(lambda hours: hours * HOUR)),
        st.tuples(st.just("pass"), st.floats(0, 30)),
        st.just(("tick", 0.0)),
        st.just(("start", 0.0)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=80, deadline=None)
def test_files_keep_their_order_and_are_left_for_their_age_alone(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float]]
) -> None:
    directory, clock, elapsed = tmp_path_factory.mktemp("log"), Clock(), Clock()
    log, count = EventLog(directory, 1, SMALL, clock, elapsed=elapsed), 0
    began, started = None, False
    for step, amount in steps:
        path = log.status().path
        if step == "write":
            log.write({"user": count, "timestamp": int(clock.now * 1000)})
            count += 1
        elif step == "jump":
            clock.now += amount
        elif step == "pass":
            clock.now += amount
            elapsed.now += amount
        elif step == "start":
            log.close()
            log = EventLog(directory, 1, SMALL, clock, elapsed=elapsed)
            started = True
        if step in ("tick", "start"):
            log.tick()
            left = log.status().path != path
            if not started:  # who starts knows a file's age by the clock alone
                old = began is not None and elapsed.now - began >= SMALL.rotate_seconds
                assert left is old
            if left:
                began, started = None, False
            elif began is None and path.stat().st_size:
                began = elapsed.now
    log.close()
    assert users(directory) == list(range(count))


def test_a_file_begun_by_a_wrong_clock_is_left_in_time(
    make: Callable[..., EventLog], clock: Clock
) -> None:
    elapsed = Clock()
    log = make(elapsed=elapsed)
    first = log.status().path
    log.write({"user": 1, "timestamp": int(clock.now * 1000)})
    log.tick()
    clock.now -= 10 * 365 * 24 * HOUR  # somebody sets it right
    elapsed.now += 30
    log.tick()
    log.close()
    log = make(elapsed=elapsed)  # its first event is ten years ahead
    assert log.status().path == first
    elapsed.now += 61
    log.tick()
    assert log.status().path != first


def test_lag_is_how_long_events_wait_whatever_the_clock_says(
    make: Callable[..., EventLog], clock: Clock, spill_places: list[Path]
) -> None:
    for places in (spill_places, ()):
        elapsed = Clock()
        log = make(2, elapsed=elapsed, spill_places=places)
        with full_disk(log.status().path):
            log.write({"user": 1})
            elapsed.now += 5
            for jump in (3 * HOUR, -7 * HOUR, 4 * HOUR):
                clock.now += jump
                log.tick()
                assert log.status().lag_seconds == pytest.approx(5)
        log.tick()
        assert log.status().lag_seconds == 0


def test_shipped_files_are_deleted_while_the_clock_is_behind(
    make: Callable[..., EventLog], clock: Clock
) -> None:
    elapsed = Clock()
    log = make(options=SMALL.model_copy(update={"delete_shipped": True}), elapsed=elapsed)
    first = log.status().path
    log.write({"user": 0, "text": "x" * 1024})
    first.with_name(f".{first.name}.shipped").write_text(str(first.stat().st_size))
    clock.now -= 5 * HOUR
    elapsed.now += 11
    log.tick()
    assert not first.exists()


class Times:
    """A clock for `time.time_ns`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 1_795_386_612_000

        class Module:
            time_ns = staticmethod(lambda: self.ms * 1_000_000)

        monkeypatch.setattr(fallback_module, "time", Module)


@pytest.mark.parametrize("most", [3, 100_000])
def test_without_redis_times_of_a_user_grow_while_the_clock_jumps(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Also of more users than are remembered."""
    monkeypatch.setattr(fallback_module, "_MAX_USERS", most)
    clock = Times(monkeypatch)
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    times: dict[int, list[int]] = {user: [] for user in range(5)}
    for number, jump in enumerate((0, 2, -3, 0, 0, 5, -4, 1, -9, 0, 7) * 3):
        clock.ms += int(jump * HOUR * 1000)
        for user in range(number % 5 + 1):
            times[user].append(fallback.last(user).timestamp)
    for mine in times.values():
        assert all(before < after for before, after in pairwise(mine))


def test_where_redis_is_lost_after_the_clock_was_set_back_times_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Times(monkeypatch)
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    fallback.latest_redis_ms = clock.ms  # of the store
    clock.ms -= int(2 * HOUR * 1000)
    times = {user: [fallback.last(user).timestamp for _ in range(3)] for user in range(1000)}
    assert {tuple(mine) for mine in times.values()} == {
        tuple(
            fallback.latest_redis_ms + later for later in (1, 2, 3)
        )  # never ahead by others' events
    }


def test_in_redis_times_of_a_user_grow_while_its_clock_jumps(client: "redis.Redis") -> None:
    """Its clock cannot be set here: the user's latest event is put ahead of it instead."""
    store = SessionStore(client, 600, 10)
    times = []
    for ahead in (0, 3, 0, 7):
        key = "botify:session:7"
        if ahead:
            at = time.time_ns() // 1_000_000 + int(ahead * HOUR * 1000)
            client.hset(key, "at", at)
        offer = store.next(7, 1, (from_catalog(""),), (0.1, 0.2))
        times += [offer.timestamp, store.last(7).timestamp]
    assert all(before < after for before, after in pairwise(times))


def test_events_are_logged_in_order_through_jumps_and_an_outage(
    make: Callable[..., EventLog], tmp_path: Path, clock: Clock, spill_places: list[Path]
) -> None:
    log = make(options=LogConfig(rotate_bytes=1024), spill_places=spill_places)
    count = 0
    with full_disk(log.status().path):
        for jump in (5, -9, 4, -2):
            clock.now += jump * HOUR
            for _ in range(10):
                log.write({"user": count})
                count += 1
            log.tick()
    log.tick()
    clock.now -= HOUR
    log.close()
    make(options=LogConfig(rotate_bytes=1024), spill_places=spill_places).close()
    found = [
        json.loads(line)["user"]
        for path in sorted((tmp_path / "log").glob("data.json*"))
        for line in path.read_bytes().splitlines()
    ]
    assert found == list(range(count))
