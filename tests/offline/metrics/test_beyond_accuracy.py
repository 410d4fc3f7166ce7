"""Breadth, novelty, popularity and variety of lists, against hand-worked cases and slow loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from offline.metrics.beyond_accuracy import (
    artist_diversity,
    average_popularity,
    coverage,
    exposure_gini,
    novelty,
)

LISTS = np.array([[0, 1, 2], [0, 1, -1], [-1, -1, -1]])
POPULARITY = np.array([8, 4, 0, 2])

some_lists = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.integers(-1, 9),
)


def test_coverage_is_of_the_whole_catalog() -> None:
    assert coverage(LISTS, 4) == 3 / 4


def test_gini_by_hand() -> None:
    assert exposure_gini(np.array([[0, 1], [2, 3]]), 4) == 0
    # One of four has it all: 1 - 1/4.
    assert exposure_gini(np.array([[2], [2]]), 4) == 3 / 4
    assert exposure_gini(np.array([[-1]]), 4) == 0


@given(some_lists)
def test_gini_is_the_mean_difference(lists: np.ndarray) -> None:
    shown = [int((lists == item).sum()) for item in range(10)]
    apart = sum(abs(a - b) for a, b in itertools.product(shown, shown))
    expected = apart / (2 * 10 * sum(shown)) if sum(shown) else 0.0
    assert exposure_gini(lists, 10) == pytest.approx(expected)


def test_novelty_by_hand() -> None:
    """Of 16 users, 8, 4 and (counted as 1) none liked the items: 1, 2 and 4 bits."""
    found = novelty(LISTS, POPULARITY, 16)
    assert found[:2].tolist() == pytest.approx([7 / 3, 3 / 2])
    assert math.isnan(found[2])


def test_average_popularity_by_hand() -> None:
    found = average_popularity(LISTS, POPULARITY)
    assert found[:2].tolist() == [4, 6]
    assert math.isnan(found[2])


def test_artist_diversity_by_hand() -> None:
    artists = np.array([7, 7, 8, 9])
    lists = np.array([[0, 1, 2], [0, 1, -1], [0, 2, 3], [3, -1, -1]])
    found = artist_diversity(lists, artists)
    # One pair of three is by one artist; the only pair is; none is; there is no pair.
    assert found[:3].tolist() == pytest.approx([2 / 3, 0, 1])
    assert math.isnan(found[3])


@given(some_lists, hnp.arrays(np.int64, 10, elements=st.integers(-3, 3)))
def test_artist_diversity_is_of_pairs(lists: np.ndarray, artists: np.ndarray) -> None:
    for row, found in zip(lists, artist_diversity(lists, artists), strict=True):
        pairs = list(itertools.combinations(artists[row[row >= 0]], 2))
        if pairs:
            assert found == pytest.approx(sum(a != b for a, b in pairs) / len(pairs))
        else:
            assert math.isnan(found)
