"""Answers without Redis."""

from collections import Counter

from botify.catalog import pack
from botify.plays import Play
from botify.store.fallback import FALLBACK, Fallback


def track_of(fallback: Fallback, user: int, played: int, exclude: bytes = b"") -> int:
    return fallback.next(user, Play(played, 1.0), exclude, keep_play=False).track


def test_over_users_popular_tracks_are_equally_likely_but_not_the_last_nor_the_excluded() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9, 8, 7, 6, 5]))
    offers = [
        fallback.next(user, Play(9, 1.0), pack([8]), keep_play=False) for user in range(3000)
    ]
    assert {offer.propensity for offer in offers} == {1 / 3}
    counts = Counter(offer.track for offer in offers)
    assert set(counts) == {7, 6, 5}
    assert all(abs(n - 1000) < 150 for n in counts.values())  # 5.8 standard deviations


def test_what_follows_is_as_likely_to_be_any_of_the_rest() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9, 8, 7, 6]))
    counts: Counter[tuple[int, int]] = Counter()
    for user in range(6000):
        first = track_of(fallback, user, 50)
        counts[first, track_of(fallback, user, first)] += 1
    assert len(counts) == 12
    assert all(abs(n - 500) < 130 for n in counts.values())  # 6 standard deviations


def test_the_answer_says_that_it_knows_no_session() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    offer = fallback.next(7, Play(1, 1.0), b"", keep_play=False)
    assert (offer.recommender, offer.track) == (FALLBACK, 9)
    assert offer.session is offer.rank is offer.model_version is None


def test_it_always_answers() -> None:
    assert track_of(Fallback(n_tracks=100, popular=pack([9])), 7, 9, pack([9])) < 100
    assert track_of(Fallback(n_tracks=100, popular=b""), 7, 9) < 100
    two = Fallback(n_tracks=2, popular=pack([1]))
    assert [track_of(two, 7, 0) for _ in range(3)] == [1, 1, 1]
    assert track_of(two, 7, 0, pack([0, 1])) < 2


def test_a_session_is_offered_no_track_twice() -> None:
    fallback = Fallback(n_tracks=30, popular=pack(list(range(20))))
    # It plays something else than it was offered, so that its way may cross itself.
    offered = [track_of(fallback, 7, 29) for _ in range(29)]
    assert sorted(offered[:20]) == list(range(20))
    assert sorted(offered) == list(range(29))
    fallback.last(7)
    assert track_of(fallback, 7, 29) == offered[0]


def test_workers_that_do_not_know_of_each_other_offer_a_session_no_track_twice() -> None:
    workers = [Fallback(n_tracks=500, popular=pack(list(range(100)))) for _ in range(3)]
    for user in range(50):
        played, heard = 400 + user, set()
        for step in range(100):
            played = track_of(workers[step * (user + 1) % 3], user, played)
            assert played not in heard
            heard.add(played)


def test_the_popular_tracks_can_be_replaced() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    fallback.popular = pack([3])
    assert track_of(fallback, 7, 0) == 3


def test_events_of_a_user_have_times_in_their_order() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    times = [fallback.next(7, Play(1, 1.0), b"", keep_play=False).timestamp for _ in range(50)]
    times.append(fallback.last(7).timestamp)
    assert sorted(set(times)) == times
