"""What is asked of every model; a model's test class inherits this and says how to make it."""

import numpy as np
import pytest
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender


def checkerboard(n: int = 40) -> sparse.csr_matrix:
    """Users and items of two camps, even and odd; user u has all items of the camp but item u."""
    users, items = np.indices((n, n))
    return sparse.csr_matrix(((users % 2 == items % 2) & (users != items)).astype(np.float32))


def scattered() -> sparse.csr_matrix:
    """30 users by 50 items with chance likes, some items more liked than others; user 3 has none.

    Item 11 is nobody's.
    """
    rng = np.random.default_rng(8)
    dense = rng.random((30, 50)) < rng.uniform(0.05, 0.4, 50)
    dense[3] = dense[:, 11] = False
    return sparse.csr_matrix(dense.astype(np.float32))


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

    def test_lists_are_the_best_scores_in_order(self) -> None:
        matrix = scattered()
        model = self.make().fit(matrix)
        users = np.array([29, 0, 7, 7])
        scores = model._scores(matrix[users], users).astype(np.float64)
        lists = model.recommend(users, 50, exclude_seen=False)
        expected = np.argsort(-scores, axis=1, kind="stable")
        np.testing.assert_array_equal(lists, expected)
        for row, user in enumerate(users):
            left = expected[row][~np.isin(expected[row], matrix[[user]].indices)]
            found = model.recommend(users, 50)[row]
            np.testing.assert_array_equal(found[: len(left)], left)
            assert set(found[len(left) :]) <= {-1}

    def test_seen_items_come_back_only_when_asked_for(self) -> None:
        matrix = scattered()
        model = self.make().fit(matrix)
        lists = model.recommend(np.arange(30), 50)
        whole = model.recommend(np.arange(30), 50, exclude_seen=False)
        for user in range(30):
            seen = set(matrix[[user]].indices.tolist())
            assert set(lists[user].tolist()) - {-1} == set(range(50)) - seen
            assert sorted(whole[user].tolist()) == list(range(50))

    def test_lists_longer_than_the_catalog_are_padded(self) -> None:
        matrix = scattered()
        lists = self.make().fit(matrix).recommend(np.arange(30), 60)
        assert lists.shape == (30, 60)
        for user, listed in enumerate(lists):
            left = 50 - matrix[[user]].nnz
            assert (listed[:left] >= 0).all()
            assert (listed[left:] == -1).all()

    def test_a_user_without_items_gets_the_most_popular(self) -> None:
        matrix = scattered()
        counts = np.bincount(matrix.indices, minlength=50)
        expected = np.argsort(-counts, kind="stable")[:10]
        model = self.make().fit(matrix)
        np.testing.assert_array_equal(model.recommend(np.array([3]), 10)[0], expected)
        if model.folds_in:
            nothing = sparse.csr_matrix((2, 50), dtype=np.float32)
            np.testing.assert_array_equal(model.recommend_for(nothing, 10)[1], expected)

    def test_one_seed_gives_one_result(self) -> None:
        one, two = (self.make().fit(scattered()).recommend(np.arange(30), 20) for _ in range(2))
        np.testing.assert_array_equal(one, two)

    def test_fitting_again_starts_anew(self) -> None:
        model = self.make().fit(checkerboard())
        expected = self.make().fit(scattered()).recommend(np.arange(30), 20)
        found = model.fit(scattered()).recommend(np.arange(30), 20)
        np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize("users_a_block", [1, 7])
    def test_size_of_blocks_changes_nothing(self, users_a_block: int) -> None:
        model = self.make().fit(scattered())
        expected = model.recommend(np.arange(30), 20)
        model.block = users_a_block * 50 + 1
        np.testing.assert_array_equal(model.recommend(np.arange(30), 20), expected)

    def test_people_known_by_their_history_alone(self) -> None:
        matrix = scattered()
        model = self.make().fit(matrix)
        if not model.folds_in:
            with pytest.raises(InputError, match="only for users it was fitted on"):
                model.recommend_for(matrix, 20)
            return
        known = model.recommend(np.arange(30), 20)
        np.testing.assert_array_equal(model.recommend_for(matrix, 20), known)

    def test_input_is_left_as_it_was(self) -> None:
        matrix = scattered()
        # Ids in falling order: sorting them in place would show.
        for user in range(30):
            row = slice(matrix.indptr[user], matrix.indptr[user + 1])
            matrix.indices[row] = matrix.indices[row][::-1].copy()
        matrix.has_sorted_indices = False
        before = matrix.copy()
        model = self.make().fit(matrix)
        lists = model.recommend(np.arange(30), 5)
        if model.folds_in:
            model.recommend_for(matrix, 5)
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(matrix, name), getattr(before, name))
        # And an order of entries is no order in time.
        expected = self.make().fit(scattered()).recommend(np.arange(30), 5)
        np.testing.assert_array_equal(lists, expected)

    @pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float64])
    def test_ones_of_any_type_will_do(self, dtype: type) -> None:
        expected = self.make().fit(scattered()).recommend(np.arange(30), 5)
        found = self.make().fit(scattered().astype(dtype)).recommend(np.arange(30), 5)
        np.testing.assert_array_equal(found, expected)

    def test_one_item_only(self) -> None:
        model = self.make().fit(sparse.csr_matrix(np.array([[1.0], [0.0], [1.0]])))
        assert model.recommend(np.arange(3), 2).tolist() == [[-1, -1], [0, -1], [-1, -1]]
        assert model.recommend(np.arange(3), 1, exclude_seen=False).tolist() == [[0]] * 3

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

    def test_bad_questions_are_refused(self) -> None:
        model = self.make()
        with pytest.raises(InputError, match="has not been fitted"):
            model.recommend(np.array([0]), 5)
        model.fit(scattered())
        for user in (-1, 30):
            with pytest.raises(InputError, match=f"user {user}: .*users 0 to 29"):
                model.recommend(np.array([0, user]), 5)
        with pytest.raises(InputError, match="a list of 0 items"):
            model.recommend(np.array([0]), 0)
        if model.folds_in:
            with pytest.raises(InputError, match=r"over 49 items.*fitted on 50"):
                model.recommend_for(scattered()[:, :49], 5)

    def test_nobody_is_asked_about(self) -> None:
        assert self.make().fit(scattered()).recommend(np.array([], dtype=int), 5).shape == (0, 5)


class FindsCamps(RecommenderChecks):
    """Checks of a model that learns who is like whom."""

    def test_the_one_item_left_of_the_camp_comes_first(self) -> None:
        lists = self.make().fit(checkerboard()).recommend(np.arange(40), 5)
        np.testing.assert_array_equal(lists[:, 0], np.arange(40))

    def test_with_seen_items_the_camp_comes_first(self) -> None:
        lists = self.make().fit(checkerboard()).recommend(np.arange(40), 19, exclude_seen=False)
        assert (lists % 2 == np.arange(40)[:, None] % 2).all()

    def test_a_stranger_is_of_the_camp_of_what_they_liked(self) -> None:
        model = self.make().fit(checkerboard())
        if not model.folds_in:
            pytest.skip("ranks only for users it was fitted on")
        strangers = np.zeros((2, 40), dtype=np.float32)
        strangers[0, [0, 2, 4, 6]] = strangers[1, [1, 3]] = 1
        lists = model.recommend_for(sparse.csr_matrix(strangers), 16)
        assert (lists[0] % 2 == 0).all()
        assert (lists[1] % 2 == 1).all()
