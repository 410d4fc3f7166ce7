"""What a recommender that decides in Python sees, and what its draws are."""

import struct
from collections import Counter
from collections.abc import Callable

import pytest

from botify.catalog import pack
from botify.plays import Play
from botify.recommenders import Choice, Turn
from botify.store.sessions import SessionSnapshot

N_TRACKS = 10


def turn(
    *plays: tuple[int, float],
    exclude: tuple[int, ...] = (),
    seen_filter: bool = True,
    random: tuple[float, float] = (0.25, 0.75),
) -> Turn:
    """A session with these plays, of which nothing else was seen."""
    snapshot = SessionSnapshot(
        session="1-1",
        timestamp=1,
        seen=pack(list(dict.fromkeys(track for track, _ in plays))),
        plays=b"".join(struct.pack("<If", *play) for play in plays),
        ahead=0,
        random=random,
    )
    return Turn(1, Play(*plays[-1]), snapshot, pack(exclude), N_TRACKS, seen_filter)


def many(ask: Callable[[Turn], Choice | None], *plays: tuple[int, float]) -> Counter[Choice]:
    found = Counter(ask(turn(*plays, random=(i / 5000, i / 7))) for i in range(5000))
    assert None not in found
    return found  # type: ignore[return-value]


def test_it_has_the_plays_in_order_without_tracks_that_are_gone() -> None:
    asked = turn((3, 1.0), (12, 0.5), (3, 0.25))
    assert asked.plays == ((3, 1.0), (3, 0.25))
    assert (asked.track, asked.time) == (3, 0.25)
    assert asked.seen == {3}


def test_a_draw_is_uniform_over_the_free_ones() -> None:
    found = many(lambda turn: turn.draw([1, 2, 3, 3, 4]), (2, 1.0))
    assert {(choice.track, choice.propensity) for choice in found} == {
        (track, 1 / 3) for track in (1, 3, 4)
    }
    assert all(abs(count - 5000 / 3) < 200 for count in found.values())


def test_a_weighted_draw_has_the_shares_of_its_weights() -> None:
    found = many(lambda turn: turn.draw([1, 2, 3, 4], [3, 50, 1, 0]), (2, 1.0))
    assert {choice.track: choice.propensity for choice in found} == {1: 0.75, 3: 0.25}
    assert all(abs(count - 5000 * each.propensity) < 200 for each, count in found.items())


@pytest.mark.parametrize("without", [(), (0, 1, 1, 99, -1), tuple(range(9))])
def test_a_draw_from_the_catalog_is_uniform_too(without: tuple[int, ...]) -> None:
    found = many(lambda turn: turn.draw_from_catalog(without), (2, 1.0))
    free = set(range(N_TRACKS)) - {2, *without}
    assert {(each.track, each.propensity) for each in found} == {(t, 1 / len(free)) for t in free}
    assert all(abs(count - 5000 / len(free)) < 250 for count in found.values())


def test_the_first_free_one_has_its_place_as_rank() -> None:
    assert turn((2, 1.0), exclude=(4,)).first([2, 4, 5, 6]) == Choice(5, 1.0, 2)
    assert turn((2, 1.0), seen_filter=False).first([2, 4]) == Choice(2, 1.0, 0)


def test_nothing_free_is_none() -> None:
    asked = turn((2, 1.0), exclude=tuple(t for t in range(N_TRACKS) if t != 2))
    assert asked.draw(range(N_TRACKS)) is None
    assert asked.draw([1, 2], [1.0, 1.0]) is None
    assert asked.draw_from_catalog() is None
    assert asked.first(range(N_TRACKS)) is None
    assert not asked.drew


def test_draws_are_a_function_of_the_requests_random_numbers() -> None:
    first, second = turn((2, 1.0)), turn((2, 1.0))
    assert [first.rng.random() for _ in range(3)] == [second.rng.random() for _ in range(3)]
    other = turn((2, 1.0), random=(0.25, 0.5))
    assert other.rng.random() != turn((2, 1.0)).rng.random()


def test_steps_after_a_draw_get_other_random_numbers() -> None:
    asked = turn((2, 1.0))
    assert asked.randomness_left == (0.25, 0.75)
    drawn = asked.rng.random()
    assert asked.drew
    assert drawn not in asked.randomness_left
    assert asked.randomness_left != (0.25, 0.75)
