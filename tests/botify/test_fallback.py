"""Answers without Redis."""

from collections import Counter

from botify.catalog import pack
from botify.fallback import FALLBACK, Fallback


def test_popular_tracks_are_drawn_uniformly_but_not_the_last_nor_the_excluded() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9, 8, 7, 6, 5]))
    offers = [fallback.next(1, 9, pack([8])) for _ in range(3000)]
    assert {offer.propensity for offer in offers} == {1 / 3}
    counts = Counter(offer.track for offer in offers)
    assert set(counts) == {7, 6, 5}
    assert all(abs(n - 1000) < 150 for n in counts.values())  # 5.8 standard deviations


def test_the_answer_says_that_it_knows_no_session() -> None:
    offer = Fallback(n_tracks=100, popular=pack([9])).next(7, 1, b"")
    assert (offer.recommender, offer.track) == (FALLBACK, 9)
    assert offer.session is offer.rank is offer.model_version is None


def test_it_always_answers() -> None:
    assert Fallback(n_tracks=100, popular=pack([9])).next(7, 9, pack([9])).track == 9
    assert 0 <= Fallback(n_tracks=100, popular=b"").next(7, 9, b"").track < 100


def test_the_popular_tracks_can_be_replaced() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    fallback.popular = pack([3])
    assert fallback.next(7, 0, b"").track == 3


def test_an_owed_farewell_is_kept_until_it_is_paid() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    first = fallback.last(7).timestamp
    fallback.last(8)
    assert [user for user, _ in fallback.owed()] == [7, 8]
    fallback.paid(7, first)
    assert [user for user, _ in fallback.owed()] == [8]


def test_a_newer_farewell_is_not_paid_by_an_older_one() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    old = fallback.last(7).timestamp
    fallback.paid(7, old - 1)
    assert fallback.owed() == [(7, old)]


def test_events_of_a_user_have_times_in_their_order() -> None:
    fallback = Fallback(n_tracks=100, popular=pack([9]))
    times = [fallback.next(7, 1, b"").timestamp for _ in range(50)]
    times.append(fallback.last(7).timestamp)
    assert sorted(set(times)) == times
