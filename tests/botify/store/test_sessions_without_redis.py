"""Sessions that were answered in part without Redis, in a real Valkey."""

import struct
import time

import pytest
import redis

from botify.catalog import unpack
from botify.store.candidates import from_catalog
from botify.store.client import StoreError, connect
from botify.store.sessions import SessionStore

pytestmark = pytest.mark.integration

MIDDLE = (0.5, 0.5)
ANY = (from_catalog("random"),)


@pytest.fixture
def store(client: "redis.Redis") -> SessionStore:
    return SessionStore(client, session_ttl=100, n_tracks=50)


def now() -> int:
    return time.time_ns() // 1_000_000


def answers(*rows: tuple[int, int, int, float]) -> bytes:
    return b"".join(struct.pack("<dIIf", *row) for row in rows)


def plays(packed: bytes) -> list[tuple[int, float]]:
    return [(t, round(time, 2)) for t, time in struct.iter_unpack("<If", packed)]


def test_tracks_are_seen_and_plays_known_and_the_session_goes_on(
    store: SessionStore, client: "redis.Redis"
) -> None:
    first = store.open_session(7, 3, 1.0, MIDDLE)
    store.record_fallback(
        7, answers((now() + 1, 4, 20, 0.5), (now() + 2, 20, 21, -1), (now() + 3, 3, 4, 0))
    )
    opened = store.open_session(7, 21, 0.25, MIDDLE)
    assert opened.session == first.session
    assert unpack(opened.seen) == (3, 4, 20, 21)
    assert plays(opened.plays) == [(3, 1.0), (4, 0.5), (3, 0.0), (21, 0.25)]
    assert 0 < client.ttl("botify:session:7") <= 100


def test_the_same_tracks_told_twice_are_seen_once(store: SessionStore) -> None:
    for _ in range(2):
        store.record_fallback(7, answers((now(), 4, 20, -1)))
    assert unpack(store.open_session(7, 20, 1.0, MIDDLE).seen) == (4, 20)


def test_a_session_that_began_without_redis_goes_on_in_it(store: SessionStore) -> None:
    store.record_fallback(7, answers((now(), 4, 20, -1)))
    offers = [store.next(7, 20, ANY, (i / 50, 0.5)) for i in range(48)]
    assert {4, 20}.isdisjoint(offer.track for offer in offers)
    assert len({offer.session for offer in offers}) == 1
    assert store.last(7).session == offers[0].session


def test_what_follows_is_later_than_what_was_answered_without_redis(store: SessionStore) -> None:
    ahead = now() + 50  # this host's clock is ahead of that of Redis
    store.record_fallback(7, answers((ahead, 4, 20, -1)))
    assert store.next(7, 20, ANY, MIDDLE).timestamp > ahead


def test_a_note_of_a_session_that_has_ended_is_not_of_the_next(store: SessionStore) -> None:
    before = now() - 10
    store.next(7, 3, ANY, MIDDLE)
    store.last(7)
    store.record_fallback(7, answers((before, 4, 20, 0.5)))
    opened = store.open_session(7, 5, 1.0, MIDDLE)
    assert unpack(opened.seen) == (5,)
    assert plays(opened.plays) == [(5, 1.0)]
    # Only what came after the end is of this session.
    store.last(7, late=now() + 100)
    store.record_fallback(7, answers((now(), 6, 7, 0.5), (now() + 200, 8, 9, 0.5)))
    assert unpack(store.open_session(7, 9, 1.0, MIDDLE).seen) == (8, 9)


def test_a_late_end_leaves_a_session_alone_that_was_answered_since(store: SessionStore) -> None:
    store.record_fallback(7, answers((now(), 4, 20, -1)))
    store.last(7, late=now() - 1000)
    assert unpack(store.open_session(7, 20, 1.0, MIDDLE).seen) == (4, 20)


def pause(client: "redis.Redis", ms: int) -> None:
    client.execute_command("CLIENT", "PAUSE", ms, "ALL")


def test_what_was_offered_instead_of_a_late_answer_is_known_to_who_asks_next(
    valkey_url: str, client: "redis.Redis"
) -> None:
    with connect(valkey_url, timeout=0.1) as impatient, connect(valkey_url) as patient:
        store, other = SessionStore(impatient, 100, 50), SessionStore(patient, 100, 50)
        session = store.next(7, 0, ANY, MIDDLE).session
        pause(client, 500)
        with pytest.raises(StoreError) as caught:
            store.next(7, 1, ANY, MIDDLE)
        assert caught.value.kind == "timeout"
        store.queue_fallback(7, answers((now(), 1, 33, -1)))
        opened = other.open_session(7, 33, 1.0, MIDDLE)  # waits for the end of the pause
        assert opened.session == session
        assert {0, 1, 33} <= set(unpack(opened.seen))
        # The line goes on, and no late answer meets a later question.
        assert store.next(8, 0, ANY, MIDDLE).session.startswith("8-")


def test_nothing_is_said_behind_a_request_that_never_left() -> None:
    with connect("unix:///nowhere/valkey.sock", timeout=0.1) as client:
        store = SessionStore(client, 100, 50)
        with pytest.raises(StoreError):
            store.next(7, 1, ANY, MIDDLE)
        store.queue_fallback(7, answers((now(), 1, 33, -1)))


def test_a_machine_that_stood_still_is_given_a_second_look(
    valkey_url: str, client: "redis.Redis"
) -> None:
    with connect(valkey_url, timeout=1) as some:
        store = SessionStore(some, 100, 50)
        store.next(7, 0, ANY, MIDDLE)
        pause(client, 1100)
        began = time.monotonic()
        store.next(7, 1, ANY, MIDDLE)
        assert time.monotonic() - began > 1


def test_a_redis_without_memory_is_told_from_one_that_refuses(
    store: SessionStore, client: "redis.Redis"
) -> None:
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreError) as caught:
            store.next(7, 0, ANY, MIDDLE)
    finally:
        client.config_set("maxmemory", 0)
    assert caught.value.kind == "full"
    client.set("botify:session:8", "no hash")
    with pytest.raises(StoreError) as caught:
        store.next(8, 0, ANY, MIDDLE)
    assert caught.value.kind == "refused"
