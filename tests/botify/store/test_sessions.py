"""Sessions in a real Valkey."""

import struct
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest
import redis

from botify.catalog import pack
from botify.errors import InputError
from botify.store.candidates import CandidateStep, from_catalog, from_tracks
from botify.store.client import StoreError, connect
from botify.store.sessions import SessionStore

pytestmark = pytest.mark.integration

N_TRACKS = 5
ANY = (from_catalog("random"),)
MIDDLE = (0.5, 0.5)


@pytest.fixture
def store(client: "redis.Redis") -> SessionStore:
    return SessionStore(client, session_ttl=100, n_tracks=N_TRACKS)


def offer_track(track: int) -> tuple[CandidateStep, ...]:
    return (from_tracks("fixed", struct.pack("<I", track), "any"), from_catalog("random"))


def test_no_track_comes_twice_until_all_were_heard(store: SessionStore) -> None:
    played = [0]
    for _ in range(N_TRACKS - 1):
        offer = store.next(7, played[-1], ANY, MIDDLE)
        assert offer.propensity == 1 / (N_TRACKS - len(played))
        played.append(offer.track)
    assert sorted(played) == list(range(N_TRACKS))
    beyond = store.next(7, played[-1], ANY, MIDDLE)
    assert 0 <= beyond.track < N_TRACKS
    assert beyond.propensity == 1 / N_TRACKS


def test_random_is_exactly_uniform_over_the_unseen(store: SessionStore) -> None:
    # A grid of draws stands for the unit square: every unseen track must get the same area.
    unseen = N_TRACKS - 2
    counts: Counter[int] = Counter()
    for i in range(N_TRACKS):
        for j in range(unseen):
            user = i * N_TRACKS + j
            store.next(user, 3, offer_track(1), MIDDLE)
            draws = ((i + 0.5) / N_TRACKS, (j + 0.5) / unseen)
            counts[store.next(user, 1, ANY, draws).track] += 1
    assert counts == {0: N_TRACKS, 2: N_TRACKS, 4: N_TRACKS}


@pytest.mark.parametrize("draws", [(0.0, 0.0), (1 - 2**-53, 1 - 2**-53)])
def test_the_ends_of_the_random_range_stay_in_the_catalog(
    store: SessionStore, draws: tuple[float, float]
) -> None:
    played = 2
    for _ in range(2 * N_TRACKS):
        played = store.next(1, played, ANY, draws).track
        assert 0 <= played < N_TRACKS


def test_uniform_over_unseen_tells_its_propensity(store: SessionStore) -> None:
    plan = (from_tracks("artist", pack([0, 1, 2, 3]), "unseen"), from_catalog("random"))
    tracks = {}
    for i in range(3):
        offer = store.next(i, 1, plan, ((i + 0.5) / 3, 0.0))
        assert (offer.recommender, offer.rank, offer.propensity) == ("artist", None, 1 / 3)
        tracks[i] = offer.track
    assert tracks == {0: 0, 1: 2, 2: 3}


def test_last_forgets_what_was_seen_and_the_next_session_has_another_id(
    store: SessionStore,
) -> None:
    first = store.next(7, 0, offer_track(1), MIDDLE)
    assert store.next(7, 1, offer_track(2), MIDDLE).session == first.session
    assert store.last(7).session == first.session
    again = store.next(7, 0, (from_tracks("t", pack([1]), "first"), *ANY), MIDDLE)
    assert (again.track, again.recommender) == (1, "t")
    assert again.session != first.session


def test_last_without_a_session_is_a_session_of_its_own(store: SessionStore) -> None:
    assert store.last(7).session != store.last(7).session


def test_users_do_not_share_sessions_and_ids_have_no_limit(store: SessionStore) -> None:
    plan = (from_tracks("t", pack([1]), "first"), from_catalog("random"))
    offers = [store.next(user, 0, plan, MIDDLE) for user in (10**30, 10**30 + 1, 0)]
    assert [offer.recommender for offer in offers] == ["t", "t", "t"]
    assert len({offer.session for offer in offers}) == 3
    assert offers[0].session.startswith(f"{10**30}-")


def test_events_of_a_user_are_strictly_in_order_across_workers(
    store: SessionStore, valkey_url: str
) -> None:
    with connect(valkey_url) as other_client:
        other = SessionStore(other_client, session_ttl=100, n_tracks=N_TRACKS)
        timestamps = []
        for i in range(300):  # faster than the clock's millisecond
            worker = (store, other)[i % 2]
            is_last = i % 7 == 6
            event = worker.last(7) if is_last else worker.next(7, i % N_TRACKS, ANY, MIDDLE)
            timestamps.append(event.timestamp)
    assert all(earlier < later for earlier, later in pairwise(timestamps))


def test_a_silent_session_expires(store: SessionStore, client: "redis.Redis") -> None:
    store.next(7, 0, ANY, MIDDLE)
    assert client.keys("*") == [b"botify:session:7"]
    assert 0 < client.ttl("botify:session:7") <= 100
    store.last(7)
    assert client.keys("*") == [b"botify:session:7"]
    assert 0 < client.ttl("botify:session:7") <= 100


def test_scripts_survive_a_redis_that_forgot_them(
    store: SessionStore, client: "redis.Redis"
) -> None:
    store.next(7, 0, ANY, MIDDLE)
    client.script_flush()
    assert store.next(7, 1, ANY, MIDDLE).track not in (0, 1)


def test_an_absent_redis_is_an_error_of_one_line() -> None:
    with connect("unix:///nowhere/valkey.sock") as client:
        store = SessionStore(client, session_ttl=100, n_tracks=N_TRACKS)
        with pytest.raises(StoreError, match=r"^Redis: .*nowhere") as caught:
            store.next(7, 0, ANY, MIDDLE)
    assert "\n" not in str(caught.value)


def test_seeded_picks_depend_on_seed_user_and_number_of_answers_alone(
    client: redis.Redis,
) -> None:
    def session(seed: int, user: int) -> list[int]:
        store = SessionStore(client, 100, 1_000)
        answers = [store.next(user, 0, ANY, ("seed", seed)).track for _ in range(5)]
        store.last(user)
        return answers

    first, second = session(1, 7), session(1, 7)
    client.flushdb()
    assert [session(1, 7), session(1, 7)] == [first, second]
    assert first != second
    assert session(1, 8) != first
    assert session(2, 7) != first


def test_excluded_tracks_are_offered_by_no_step(store: SessionStore) -> None:
    exclude = pack([0, 1])
    first = (from_tracks("t", pack([0, 1, 2]), "first"), *ANY)
    assert store.next(1, 4, first, MIDDLE, exclude).track == 2
    drawn = (from_tracks("t", pack([0, 1, 2]), "any"), *ANY)
    offer = store.next(2, 2, drawn, MIDDLE, exclude)
    assert (offer.track, offer.propensity) == (2, 1.0)
    heard = [store.next(3, 4, ANY, MIDDLE, exclude) for _ in range(2)]
    assert {offer.track for offer in heard} == {2, 3}
    assert [offer.propensity for offer in heard] == [1 / 2, 1]
    # All that may be offered was heard: it comes again rather than what must not come.
    beyond = store.next(3, 4, ANY, MIDDLE, exclude)
    assert beyond.track in (2, 3, 4)
    assert beyond.propensity == 1 / 3


def test_a_catalog_that_is_excluded_whole_still_answers(store: SessionStore) -> None:
    offer = store.next(1, 0, ANY, MIDDLE, pack(list(range(N_TRACKS))))
    assert offer.propensity == 1 / N_TRACKS


def test_excluding_leaves_the_seen_alone(store: SessionStore) -> None:
    store.next(1, 0, offer_track(1), MIDDLE, pack([0, 1]))  # 0 was played all the same
    offers = [store.next(1, 0, ANY, MIDDLE).track for _ in range(3)]
    assert 0 not in offers


def test_without_the_seen_filter_the_best_and_any_may_come_again(store: SessionStore) -> None:
    best = (from_tracks("t", pack([3, 1]), "best"), *ANY)
    assert [store.next(1, 3, best, MIDDLE).track for _ in range(2)] == [3, 3]
    anything = (CandidateStep("random", "catalog", "", "", "any"),)
    offer = store.next(1, 3, anything, (0.7, 0.0))
    assert (offer.track, offer.propensity) == (3, 1 / N_TRACKS)


def test_a_late_last_ends_only_the_session_it_was_meant_for(store: SessionStore) -> None:
    before = time.time_ns() // 1_000_000 - 1
    session = store.next(7, 0, ANY, MIDDLE).session
    store.last(7, late=before)
    assert store.next(7, 0, ANY, MIDDLE).session == session
    store.last(7, late=time.time_ns() // 1_000_000)
    assert store.next(7, 0, ANY, MIDDLE).session != session


def test_a_slow_redis_is_cut_off_and_no_late_answer_reaches_a_later_question(
    valkey_url: str, client: "redis.Redis"
) -> None:
    with connect(valkey_url, timeout=0.05) as impatient:
        store = SessionStore(impatient, session_ttl=100, n_tracks=N_TRACKS)
        first = store.next(7, 0, ANY, MIDDLE)
        client.execute_command("CLIENT", "PAUSE", 300, "ALL")
        with pytest.raises(StoreError) as caught:
            store.next(8, 0, ANY, MIDDLE)
        assert caught.value.kind == "timeout"
        client.ping()  # waits until the pause is over
        assert store.next(7, first.track, ANY, MIDDLE).session == first.session
        assert store.next(9, 0, ANY, MIDDLE).session.startswith("9-")


def test_threads_may_come_and_go(store: SessionStore) -> None:
    answered: list[int] = []

    def ask(user: int) -> None:
        answered.append(store.next(user, 0, ANY, MIDDLE).track)

    for user in range(150):  # more than a pool of redis-py hands out
        thread = threading.Thread(target=ask, args=(user,))
        thread.start()
        thread.join()
    assert len(answered) == 150


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:abc", "redis://[::1", "redis://x:y@h:1?foo=secret", "unix:///x?db=abc"],
)
def test_a_url_that_is_none_is_refused_in_a_line_without_it(url: str) -> None:
    with pytest.raises(InputError, match=r"^REDIS_URL, or redis_url in the config") as caught:
        connect(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
