"""Ranking by vectors: what a user gets, and in which order."""

import numpy as np
import pytest

from botify.factors.snapshot import Snapshot, UserFactors, best
from contract.factors import Manifest, Popular
from contract.item_lists import Item

NOTHING = np.array([], dtype=np.int64)


def snapshot(vectors: list[list[float]], scale: tuple[float, float] | None = (1, 5)) -> Snapshot:
    n, k = np.shape(vectors)
    popular = Popular((2, 0, 1), (4.5, 3.0, 2.0))
    manifest = Manifest("0" * 16, "svd", scale, k, 1, n, 0, popular, ())
    items = tuple(Item(f"i{number}", "", {}) for number in range(n))
    return Snapshot(manifest, np.array(vectors, np.float32), items)


def user(
    *vector: float, rated: list[int] | None = None, ranking: list[int] | None = None
) -> UserFactors:
    ranked = np.array(ranking or [], dtype=np.int64)
    scores = np.arange(len(ranked), 0, -1, dtype=np.float32)
    return UserFactors(
        np.array(vector, np.float32), np.array(rated or [], np.int64), None, ranked, scores
    )


FOUR = [[1.0, 0.0], [3.0, 0.0], [2.0, 1.0], [9.0, -9.0]]


def test_the_best_items_come_first() -> None:
    found = snapshot(FOUR).rank(user(1, 1), 3)
    assert found.items.tolist() == [1, 2, 0]
    assert found.scores.tolist() == [3, 3, 1]


def test_rated_and_excluded_items_are_left_out() -> None:
    one = snapshot(FOUR)
    assert one.rank(user(1, 1, rated=[1]), 4).items.tolist() == [2, 0, 3]
    assert one.rank(user(1, 1, rated=[1]), 4, exclude=[2]).items.tolist() == [0, 3]
    assert one.rank(user(1, 1, rated=[0, 1, 2, 3]), 4).items.tolist() == []


def test_a_stored_ranking_is_preferred_where_it_is_long_enough() -> None:
    one, stored = snapshot(FOUR), user(1, 1, ranking=[3, 0, 2])
    assert one.rank(stored, 3).items.tolist() == [3, 0, 2]
    assert one.rank(stored, 2, exclude=[3]).items.tolist() == [0, 2]
    assert one.rank(stored, 3, exclude=[3]).items.tolist() == [1, 2, 0]
    assert one.rank(stored, 4).items.tolist() == [1, 2, 0, 3]


def test_ranks_by_scores_that_are_not_clipped_and_shows_those_that_are() -> None:
    one = snapshot([[7.0], [9.0], [-3.0]])
    found = one.rank(user(1), 3)
    assert found.items.tolist() == [1, 0, 2]
    assert one.shown(found.scores) == [5, 5, 1]
    assert snapshot([[7.0]], None).shown(np.array([7.0], np.float32)) == [7]


def test_popular_items() -> None:
    found = snapshot([[1.0]] * 3).popular(2)
    assert (found.items.tolist(), found.scores.tolist()) == ([2, 0], [4.5, 3.0])
    assert snapshot([[1.0]] * 3).popular(2, exclude={2}).items.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_by_score_then_by_number(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, 40).astype(np.float32)
    scores[rng.random(40) < 0.3] = -np.inf
    for n in (1, 5, 39, 40, 100):
        ordered = [i for i in np.lexsort((np.arange(40), -scores)) if scores[i] > -np.inf][:n]
        assert best(scores, n).items.tolist() == ordered
