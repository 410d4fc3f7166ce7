"""What is asked of every model; a model's test class inherits this and says how to make it."""

import numpy as np
import pytest
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.check import CHECKS, checkerboard, scattered


def _with(entry: int, **parts: float) -> sparse.csr_matrix:
    """The scattered matrix with one number changed, past what scipy checks."""
    matrix = scattered()
    for name, value in parts.items():
        getattr(matrix, name)[entry] = value
    return matrix


def _twice() -> sparse.csr_matrix:
    matrix = scattered()
    matrix.indices[5] = matrix.indices[4]
    return matrix


BAD = {
    "id too large": (_with(5, indices=50), r"user 0 has item 50, but items are 0 to 49"),
    "negative id": (_with(5, indices=-1), r"user 0 has item -1, but items are 0 to 49"),
    "pair twice": (_twice(), r"user 0 has item \d+ twice"),
    "negative weight": (_with(5, data=-1), r"weight of user 0 and item \d+ is -1"),
    "NaN weight": (_with(5, data=np.nan), r"weight of user 0 and item \d+ is nan"),
    "a count": (_with(-1, data=3), r"weight of user 29 and item \d+ is 3"),
}


class RecommenderChecks:
    """Checks that hold for any model."""

    def make(self, seed: int = 1) -> Recommender:
        raise NotImplementedError

    @pytest.mark.parametrize("check", CHECKS)
    def test_the_shipped_check(self, check: str) -> None:
        CHECKS[check](self.make)

    @pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float64])
    def test_ones_of_any_type_will_do(self, dtype: type) -> None:
        expected = self.make().fit(scattered()).recommend(np.arange(30), 5)
        found = self.make().fit(scattered().astype(dtype)).recommend(np.arange(30), 5)
        np.testing.assert_array_equal(found.ids, expected.ids)

    def test_one_item_only(self) -> None:
        model = self.make().fit(sparse.csr_matrix(np.array([[1.0], [0.0], [1.0]])))
        assert model.recommend(np.arange(3), 2).ids.tolist() == [[-1, -1], [0, -1], [-1, -1]]
        assert model.recommend(np.arange(3), 1, exclude_seen=False).ids.tolist() == [[0]] * 3

    @pytest.mark.parametrize("case", BAD)
    def test_bad_input_is_refused(self, case: str) -> None:
        matrix, complaint = BAD[case]
        with pytest.raises(InputError, match=complaint):
            self.make().fit(matrix)
        model = self.make().fit(scattered())
        if model.folds_in:
            with pytest.raises(InputError, match=complaint):
                model.recommend_for(matrix, 5)

    @pytest.mark.parametrize("shape", [(4, 6), (0, 6), (4, 0)])
    def test_no_interactions_are_refused(self, shape: tuple[int, int]) -> None:
        with pytest.raises(InputError, match="no interactions"):
            self.make().fit(sparse.csr_matrix(shape, dtype=np.float32))

    def test_histories_of_other_items_are_refused(self) -> None:
        model = self.make().fit(scattered())
        if model.folds_in:
            with pytest.raises(InputError, match=r"over 49 items.*fitted on 50"):
                model.recommend_for(scattered()[:, :49], 5)


class FindsCamps(RecommenderChecks):
    """Checks of a model that learns who is like whom."""

    def test_the_one_item_left_of_the_camp_comes_first(self) -> None:
        lists = self.make().fit(checkerboard()).recommend(np.arange(40), 5).ids
        np.testing.assert_array_equal(lists[:, 0], np.arange(40))

    def test_with_seen_items_the_camp_comes_first(self) -> None:
        lists = self.make().fit(checkerboard()).recommend(np.arange(40), 19, exclude_seen=False)
        assert (lists.ids % 2 == np.arange(40)[:, None] % 2).all()

    def test_similar_items_are_of_the_same_camp(self) -> None:
        near = self.make().fit(checkerboard()).similar_items(np.arange(40), 15).ids
        assert (near % 2 == np.arange(40)[:, None] % 2).all()

    def test_a_stranger_is_of_the_camp_of_what_they_liked(self) -> None:
        model = self.make().fit(checkerboard())
        if not model.folds_in:
            pytest.skip("ranks only for users it was fitted on")
        strangers = np.zeros((2, 40), dtype=np.float32)
        strangers[0, [0, 2, 4, 6]] = strangers[1, [1, 3]] = 1
        lists = model.recommend_for(sparse.csr_matrix(strangers), 16).ids
        assert (lists[0] % 2 == 0).all()
        assert (lists[1] % 2 == 1).all()
