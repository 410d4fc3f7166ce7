"""Sessions whose plays decide, in a real Valkey."""

import struct
import threading

import pytest
import redis

from botify.catalog import unpack
from botify.store.candidates import from_catalog
from botify.store.sessions import SessionStore

pytestmark = pytest.mark.integration

MIDDLE = (0.5, 0.5)


@pytest.fixture
def store(client: "redis.Redis") -> SessionStore:
    return SessionStore(client, session_ttl=100, n_tracks=50)


def plays(packed: bytes) -> list[tuple[int, float]]:
    return [(t, round(time, 2)) for t, time in struct.iter_unpack("<If", packed)]


def test_plays_come_back_in_order_with_what_was_heard(store: SessionStore) -> None:
    store.open_session(7, 3, 1.0, MIDDLE)
    store.open_session(7, 9, 0.25, MIDDLE)
    opened = store.open_session(7, 3, 0.0, MIDDLE)
    assert plays(opened.plays) == [(3, 1.0), (9, 0.25), (3, 0.0)]
    assert unpack(opened.seen) == (3, 9)


def test_what_was_offered_is_seen_by_whoever_asks_next(
    store: SessionStore, client: "redis.Redis"
) -> None:
    first = store.open_session(7, 3, 1.0, MIDDLE)
    store.mark_offered(7, first.session, 20)
    other = SessionStore(client, session_ttl=100, n_tracks=50)
    found: list[tuple[int, ...]] = []
    # Another thread has a connection of its own, as another worker has.
    thread = threading.Thread(
        target=lambda: found.append(unpack(other.open_session(7, 20, 0.5, MIDDLE).seen))
    )
    thread.start()
    thread.join()
    assert found == [(3, 20)]
    second = store.open_session(7, 21, 0.5, MIDDLE)
    assert unpack(second.seen) == (3, 20, 21)
    assert second.session == first.session
    assert second.timestamp > first.timestamp


def test_both_ways_to_ask_share_what_was_seen(store: SessionStore) -> None:
    opened = store.open_session(7, 3, 1.0, MIDDLE)
    store.mark_offered(7, opened.session, 4)
    offers = [store.next(7, 3, (from_catalog("random"),), (i / 48, 0.5)).track for i in range(48)]
    assert sorted(offers) == sorted(set(range(50)) - {3, 4})


def test_requests_that_are_open_at_the_same_time_are_counted(store: SessionStore) -> None:
    ahead = [store.open_session(7, 3, 1.0, MIDDLE).ahead for _ in range(3)]
    assert ahead == [0, 1, 2]
    session = store.open_session(7, 3, 1.0, MIDDLE).session
    for track in range(10, 14):
        store.mark_offered(7, session, track)
    assert store.open_session(7, 3, 1.0, MIDDLE).ahead == 0


def test_a_session_that_ended_is_forgotten(store: SessionStore) -> None:
    first = store.open_session(7, 3, 1.0, MIDDLE)
    store.mark_offered(7, first.session, 20)
    store.last(7)
    store.mark_offered(7, first.session, 21)  # comes late
    second = store.open_session(7, 5, 1.0, MIDDLE)
    assert second.session != first.session
    assert plays(second.plays) == [(5, 1.0)]
    assert unpack(second.seen) == (5,)
    assert second.ahead == 0


def test_draws_are_those_given_or_a_function_of_the_seed(store: SessionStore) -> None:
    assert store.open_session(7, 3, 1.0, (0.125, 0.75)).random == (0.125, 0.75)
    seeded = [store.open_session(8, 3, 1.0, ("seed", 5)).random for _ in range(3)]
    assert len(set(seeded)) == 3
    assert all(0 <= draw < 1 for pair in seeded for draw in pair)
    again = SessionStore.open_session(store, 8, 3, 1.0, ("seed", 5)).random
    assert again not in seeded
    assert store.open_session(9, 3, 1.0, ("seed", 5)).random != seeded[0]


def test_a_request_is_one_round_trip(store: SessionStore, client: "redis.Redis") -> None:
    opened = store.open_session(7, 3, 1.0, MIDDLE)
    client.config_resetstat()
    for track in range(10, 20):
        store.mark_offered(7, opened.session, track)
        opened = store.open_session(7, track, 1.0, MIDDLE)
    stats = client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] == 10  # waited for
    assert stats["cmdstat_eval"]["calls"] == 10  # not


def test_an_answer_that_nobody_waits_for_may_be_an_error(
    store: SessionStore, client: "redis.Redis"
) -> None:
    opened = store.open_session(7, 3, 1.0, MIDDLE)
    client.set("botify:session:8", "no hash")
    store.mark_offered(8, opened.session, 20)
    assert plays(store.open_session(7, 4, 0.5, MIDDLE).plays) == [(3, 1.0), (4, 0.5)]
