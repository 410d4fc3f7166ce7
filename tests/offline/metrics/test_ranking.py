"""Ranking metrics, against hand-worked cases and a slow, obvious implementation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from offline.errors import InputError
from offline.metrics.ranking import Ranked, ranking_metrics


def matrix(rows: list[list[int]], n_items: int) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), n_items), dtype=np.float32)
    for row, items in enumerate(rows):
        dense[row, items] = 1
    return sparse.csr_matrix(dense)


@pytest.fixture
def by_hand() -> Ranked:
    """Four items; hits at place 2 of 2 relevant, at place 1 of 1, and at 1 and 3 of 3."""
    lists = np.array([[2, 0, 3], [3, 0, 1], [0, 3, 2]])
    return Ranked(lists, matrix([[0, 1], [3], [0, 1, 2]], 4))


def test_recall_by_hand(by_hand: Ranked) -> None:
    assert by_hand.recall(1).tolist() == pytest.approx([0, 1, 1 / 3])
    assert by_hand.recall(3).tolist() == pytest.approx([1 / 2, 1, 2 / 3])
    assert by_hand.capped_recall(1).tolist() == pytest.approx([0, 1, 1])
    assert by_hand.capped_recall(2).tolist() == pytest.approx([1 / 2, 1, 1 / 2])


def test_ndcg_by_hand(by_hand: Ranked) -> None:
    second, third = 1 / math.log2(3), 1 / math.log2(4)
    assert by_hand.ndcg(1).tolist() == pytest.approx([0, 1, 1])
    assert by_hand.ndcg(3).tolist() == pytest.approx(
        [second / (1 + second), 1, (1 + third) / (1 + second + third)]
    )


def test_lists_may_end_early() -> None:
    """-1 hits nothing, and k may go beyond the lists."""
    ranked = Ranked(np.array([[1, -1], [-1, -1]]), matrix([[1, 3], [3]], 4))
    assert ranked.recall(2).tolist() == [0.5, 0]
    assert ranked.recall(5).tolist() == [0.5, 0]
    assert ranked.ndcg(5)[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_all_relevant_on_top_is_perfect() -> None:
    ranked = Ranked(np.array([[4, 2, 0, 1]]), matrix([[2, 4]], 5))
    for k in (2, 3, 4):
        assert ranked.recall(k) == ranked.capped_recall(k) == 1
        assert ranked.ndcg(k) == pytest.approx(1)


@pytest.mark.parametrize(
    ("lists", "relevant", "complaint"),
    [
        ([[0]], [[0], [1]], "1 lists for 2 users"),
        ([[0], [1]], [[0], []], "user 1 has no relevant items"),
        ([[7]], [[0]], "item 7 is listed"),
    ],
)
def test_what_does_not_fit_is_refused(
    lists: list[list[int]], relevant: list[list[int]], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Ranked(np.array(lists), matrix(relevant, 4))


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, list[list[int]], int]:
    n_items = draw(st.integers(1, 12))
    length = draw(st.integers(1, n_items))
    items = st.integers(0, n_items - 1)
    lists, relevant = [], []
    for _ in range(draw(st.integers(1, 5))):
        listed = draw(st.lists(items, unique=True, max_size=length))
        lists.append(listed + [-1] * (length - len(listed)))
        relevant.append(draw(st.lists(items, unique=True, min_size=1)))
    return np.array(lists, dtype=np.int64), relevant, n_items


@given(cases(), st.integers(1, 15))
def test_same_as_the_slow_and_obvious(
    case: tuple[np.ndarray, list[list[int]], int], k: int
) -> None:
    lists, relevant, n_items = case
    ranked = Ranked(lists, matrix(relevant, n_items))
    for user, wanted in enumerate(relevant):
        found, gain = 0, 0.0
        for place, item in enumerate(lists[user][:k].tolist()):
            if item in wanted:
                found += 1
                gain += 1 / math.log2(place + 2)
        best = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))
        assert ranked.recall(k)[user] == pytest.approx(found / len(wanted))
        assert ranked.capped_recall(k)[user] == pytest.approx(found / min(k, len(wanted)))
        assert ranked.ndcg(k)[user] == pytest.approx(gain / best)


def test_ranking_metrics_are_those_of_the_whole_list(by_hand: Ranked) -> None:
    lists = np.array([[2, 0, 3], [3, 0, 1], [0, 3, 2]])
    found = ranking_metrics(lists, matrix([[0, 1], [3], [0, 1, 2]], 4))
    assert found.ndcg.tolist() == by_hand.ndcg(3).tolist()
    assert found.recall.tolist() == by_hand.capped_recall(3).tolist()
