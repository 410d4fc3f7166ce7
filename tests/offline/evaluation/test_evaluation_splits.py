"""How data is divided: published, at random, at a cut in time."""

import re

import numpy as np
import pytest
from scipy import sparse

from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.evaluation.splits import split_of


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def likes(
    rows: list[list[int]], times: list[int] | None = None, n_items: int = 6, test: bool = False
) -> Dataset:
    """Each row's items, sorted, and the time of each in days."""
    bounds = np.cumsum([0, *map(len, rows)])
    matrix = sparse.csr_matrix(
        (np.ones(bounds[-1]), np.concatenate(rows), bounds), shape=(len(rows), n_items)
    )
    when = None if times is None else np.array(times, dtype=np.int64) * 86_400_000
    held = sparse.csr_matrix(([1.0], ([0], [n_items - 1])), shape=matrix.shape) if test else None
    return Dataset("some", matrix, held, *map(np.arange, matrix.shape), timestamps=when)


TEN = likes([[0, 1, 2, 3], [0, 1, 4], [2, 5], [3]], [1, 2, 3, 8, 4, 9, 9, 5, 6, 9])


def test_at_a_cut_in_time_nothing_learned_is_later_than_what_is_asked_for() -> None:
    split = split_of(TEN, rng(), "time")
    # A fifth of ten likes is two; three are of day 9. User 3 has day 9 alone; item 4 is new then.
    expected = [[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1], [0] * 6]
    assert split.train.matrix.toarray().tolist() == expected
    assert split.train.timestamps is not None
    assert split.train.timestamps.max() < 9 * 86_400_000
    assert np.transpose(split.test.nonzero()).tolist() == [[1, 1]]
    assert "7 likes before 1970-01-10 00:00 UTC, asked for 1 of the 3 from then on" in split.told
    assert "1 of users and 1 of items that were new then" in split.told


def test_at_random_models_get_no_times() -> None:
    split = split_of(TEN, rng(), "random")
    assert split.train.timestamps is None
    assert (split.train.matrix + split.test != TEN.train).nnz == 0
    assert np.diff(split.test.indptr).tolist() == [1, 1, 1, 0]
    assert "20% of each user's likes" in split.told


def test_the_published_split_is_left_as_it_is() -> None:
    data = likes([[0, 1], [2, 3]], test=True)
    split = split_of(data, rng(), "published")
    assert (split.train.matrix != data.train).nnz == 0
    assert split.test is data.test
    whole = split_of(data, rng(), "random")
    assert (whole.train.matrix + whole.test != data.whole).nnz == 0


def test_the_first_that_the_data_allows() -> None:
    undated = likes([[0, 1], [2, 3]])
    names = [split_of(data, rng()).name for data in (likes([[0, 1]], test=True), TEN, undated)]
    assert names == ["published", "time", "random"]
    assert split_of(TEN, rng(), among=("published", "random")).name == "random"


@pytest.mark.parametrize(
    ("data", "name", "complaint"),
    [
        (TEN, "published", "some: comes without a split of its own"),
        (likes([[0, 1]]), "time", "not every like has a timestamp"),
        (likes([[0, 1], [2, 3]], [5, 5, 5, 5]), "time", "a split by time asks for nothing"),
        (likes([[0, 1], [2, 3]], [1, 1, 2, 2]), "time", "asks for nothing: choose random"),
    ],
)
def test_a_split_that_the_data_does_not_allow(data: Dataset, name: str, complaint: str) -> None:
    with pytest.raises(InputError, match=re.escape(complaint)):
        split_of(data, rng(), name)
