"""Lists for sessions, worked by hand: tastes, and an order for a session of unknown taste."""

import numpy as np
import pytest

from offline.lists.greedy import greedy_list
from offline.tastes import MAX_TRACKS, tastes_of

NOBODY_AGAIN = np.arange(100)  # each track has an artist of its own


def planned(
    chances: list[list[float]],
    weights: list[float],
    artists: np.ndarray = NOBODY_AGAIN,
    discount: float = 1.0,
    patience: float = 1.0,
    length: int = 50,
) -> list[int]:
    shares = np.array(chances)
    return greedy_list(
        shares, np.array(weights), artists[: shares.shape[1]], discount, patience, length
    ).tolist()


def test_one_taste_is_served_best_first() -> None:
    assert planned([[0.2, 0.9, 0.5, 0.7]], [1.0]) == [1, 3, 2, 0]
    assert planned([[0.2, 0.9, 0.5, 0.7]], [1.0], length=2) == [1, 3]


def test_ties_go_to_the_smaller_place() -> None:
    assert planned([[0.5, 0.5, 0.7, 0.5]], [1.0]) == [2, 0, 1, 3]


def test_a_list_stays_in_the_likelier_taste() -> None:
    # Without patience nobody of the other taste is left after the first track. With much of it
    # most are: the best of theirs (0.4 x 0.9) comes before the second of the first (0.6 x 0.5).
    chances = [[0.9, 0.5, 0.5, 0, 0], [0, 0, 0, 0.9, 0.5]]
    assert planned(chances, [0.6, 0.4], patience=1.0)[:3] == [0, 1, 2]
    assert planned(chances, [0.6, 0.4], patience=1000.0)[:3] == [0, 3, 1]
    assert planned(chances, [0.4, 0.6], patience=1.0)[:2] == [3, 4]


def test_the_second_track_by_hand() -> None:
    # After track 0, of the first taste 0.6 (1 - 0.1 / 4) = 0.585 are left, of the second
    # 0.4 (1 - 1 / 4) = 0.3: the second's track is heard 0.27, the first's p x 0.585.
    def second(share: float) -> int:
        chances = [[0.9, share, 0], [0, 0, 0.9]]
        return planned(chances, [0.6, 0.4], patience=4.0)[1]

    assert second(0.27 / 0.585 + 0.01) == 1
    assert second(0.27 / 0.585 - 0.01) == 2


def test_a_track_for_two_tastes_beats_the_best_of_one() -> None:
    assert planned([[0.8, 0.6], [0.0, 0.6]], [0.5, 0.5])[0] == 1


def test_artists_are_spread_as_far_as_listeners_tire() -> None:
    chances, artists = [[0.9, 0.85, 0.8, 0.7]], np.array([0, 0, 0, 1])
    assert planned(chances, [1.0], artists, discount=1.0) == [0, 1, 2, 3]
    # 0.85 x 0.8 = 0.68 < 0.7; then 0.85 x 0.8 before 0.8 x 0.8.
    assert planned(chances, [1.0], artists, discount=0.8) == [0, 3, 1, 2]
    # A third track of an artist counts 0.9 x 0.9: 0.8 x 0.81 = 0.648 < 0.7 < 0.85 x 0.9.
    assert planned(chances, [1.0], artists, discount=0.9) == [0, 1, 3, 2]


def vectors_of(directions: list[float]) -> np.ndarray:
    """Unit vectors at these angles, in degrees."""
    angles = np.deg2rad(directions)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def grouped(directions: list[float], starts: list[int]) -> list[tuple[list[int], float]]:
    places = np.arange(len(directions))
    found = tastes_of(places, np.array(starts), vectors_of(directions))
    return [(taste.places.tolist(), taste.weight) for taste in found]


def test_tastes_well_apart_are_found_and_weigh_as_sessions_began_in_them() -> None:
    # Two at right angles: 1 - cos 90 = 1 is apart; 20 degrees are not.
    assert grouped([0, 10, 20, 95, 100], [1, 0, 2, 4, 5]) == [
        ([3, 4], 9 / 12),
        ([0, 1, 2], 3 / 12),
    ]


def test_a_taste_without_a_start_is_none_where_others_have_one() -> None:
    assert grouped([0, 5, 100], [0, 0, 7]) == [([2], 1.0)]
    assert grouped([0, 5, 100], [0, 0, 0]) == [([0, 1], 2 / 3), ([2], 1 / 3)]


def test_a_user_with_one_track_has_one_taste() -> None:
    assert grouped([30], [0]) == [([0], 1.0)]


def test_a_track_without_a_direction_is_no_error() -> None:
    vectors = np.array([[1, 0], [0, 0], [1, 0]], np.float32)
    found = tastes_of(np.arange(3), np.array([2, 1, 0]), vectors)
    assert [taste.places.tolist() for taste in found] == [[0, 2], [1]]


def test_of_very_many_tracks_those_that_sessions_began_with_count() -> None:
    n = MAX_TRACKS + 44
    starts = np.zeros(n, dtype=np.int64)
    starts[-10:] = 1
    found = tastes_of(np.arange(n), starts, vectors_of([0.0] * n))
    assert len(found) == 1
    assert len(found[0].places) == MAX_TRACKS
    assert set(range(n - 10, n)) < set(found[0].places.tolist())


@pytest.mark.parametrize("length", [1, 3, 9])
def test_no_track_comes_twice(length: int) -> None:
    rng = np.random.default_rng(5)
    found = planned(rng.random((3, 9)).tolist(), [0.2, 0.5, 0.3], length=length)
    assert len(set(found)) == len(found) == length
