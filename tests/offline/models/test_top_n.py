"""The best n of a row, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from offline.errors import InputError
from offline.models.top_n import top_n

# Few values, so that most are tied.
scores_with_ties = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 20)),
    elements=st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.0, 3.0]),
)


@given(scores_with_ties, st.integers(1, 25))
def test_same_as_sorting_it_all(scores: np.ndarray, n: int) -> None:
    found = top_n(scores.copy(), n)
    assert found.shape == (len(scores), n)
    for row, listed in zip(scores.tolist(), found.tolist(), strict=True):
        order = sorted(range(len(row)), key=lambda item: (-row[item], item))
        wanted = [item for item in order if row[item] > -np.inf][:n]
        assert listed == wanted + [-1] * (n - len(wanted))


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(200, 900)),
        elements=st.sampled_from([-np.inf, 0.0, 1.0, 2.0]),
        fill=st.sampled_from([-np.inf, 0.0]),
    ),
    st.integers(1, 20),
)
def test_ties_in_wide_rows(scores: np.ndarray, n: int) -> None:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    best = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_array_equal(top_n(scores, n), np.where(best > -np.inf, order, -1))


@pytest.mark.parametrize("width", [1, 16, 17, 255, 1000, 1001, 50_000])
@pytest.mark.parametrize("n", [1, 2, 50])
def test_random_numbers_with_and_without_ties(width: int, n: int) -> None:
    rng = np.random.default_rng([width, n])
    scores = rng.normal(size=(5, width)).astype(np.float32)
    for made in (scores, np.round(scores, 1), np.round(scores)):
        found = top_n(made, n)
        wanted = np.argsort(-made, axis=1, kind="stable")[:, :n]
        np.testing.assert_array_equal(found[:, : wanted.shape[1]], wanted)
        assert (found[:, wanted.shape[1] :] == -1).all()


def test_numbers_of_many_sizes() -> None:
    scores = np.random.default_rng(1).normal(size=(50, 3000)).astype(np.float32)
    np.testing.assert_array_equal(top_n(scores, 40), np.argsort(-scores, axis=1)[:, :40])


@pytest.mark.parametrize(("width", "place"), [(3, 1), (1000, 500), (1003, 1002)])
def test_scores_that_are_no_numbers_are_refused(width: int, place: int) -> None:
    scores = np.zeros((2, width), dtype=np.float32)
    scores[1, place] = np.nan
    with pytest.raises(InputError, match="scores are NaN"):
        top_n(scores, 1)
