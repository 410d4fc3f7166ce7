"""Every baseline, on data whose right answer is known."""

import numpy as np
import pytest
from scipy import sparse

from offline.models.base import Recommender
from offline.models.bpr import BPR
from offline.models.check import scattered
from offline.models.implicit_mf import ALS
from offline.models.item_knn import ItemKNN
from offline.models.popular import Popular
from offline.models.pure_svd import PureSVD
from offline.models.registry import make_model

from .recommender_checks import FindsCamps, RecommenderChecks


class TestPopular(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return Popular()

    def test_more_users_come_first_and_ties_go_to_the_smaller_id(self) -> None:
        matrix = sparse.csr_matrix(np.array([[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 0]]))
        lists = Popular().fit(matrix).recommend(np.arange(3), 4, exclude_seen=False)
        assert lists.ids.tolist() == [[2, 1, 3, -1]] * 3  # nobody liked item 0


class TestItemKNN(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return ItemKNN(threads=1)

    def test_scores_are_sums_of_cosines(self) -> None:
        matrix = scattered()
        model = ItemKNN(neighbours=50, user_exponent=0, item_exponent=0.5, threads=1).fit(matrix)
        dense = matrix.toarray().astype(np.float64)
        norms = np.maximum(np.linalg.norm(dense, axis=0), 1e-12)
        cosines = (dense.T @ dense) / np.outer(norms, norms)
        np.testing.assert_allclose(model._scores(matrix, None), dense @ cosines, atol=1e-5)

    def test_people_who_like_everything_say_less(self) -> None:
        """Items 0 and 1 share a person of few items, 0 and 2 one of many."""
        dense = np.zeros((2, 12))
        dense[0, [0, 1]] = 1
        dense[1, [0, *range(2, 12)]] = 1
        lists = (
            ItemKNN(threads=1)
            .fit(sparse.csr_matrix(dense))
            .recommend_for(sparse.csr_matrix(np.eye(1, 12)), 2)
        )
        assert lists.ids.tolist() == [[1, 2]]


class TestALS(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return ALS(factors=2, seed=seed, threads=1)

    def test_threads_change_nothing(self) -> None:
        one, two = (
            ALS(factors=8, seed=1, threads=n).fit(scattered()).recommend(np.arange(30), 20).ids
            for n in (1, 2)
        )
        np.testing.assert_array_equal(one, two)


class TestBPR(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return BPR(factors=8, seed=seed)

    def test_a_step_follows_the_gradient_of_the_paper(self) -> None:
        rate, reg = 0.1, 0.02
        rng = np.random.default_rng(1)
        users, items = (0.3 / 2 * rng.standard_normal((n, 4), np.float32) for n in (1, 2))
        matrix = sparse.csr_matrix(np.array([[0.0, 1.0]]))
        model = BPR(factors=4, iterations=1, learning_rate=rate, regularization=reg, seed=1)
        vectors = model.fit(matrix).ranking_vectors()
        (user,), (other, liked) = users, items
        error = 1 / (1 + np.exp(user @ (liked - other)))
        expected = user + rate * (error * (liked - other) - reg * user)
        np.testing.assert_allclose(vectors[0][0], [*expected, 1], rtol=1e-5)
        moved = other - rate * (error * user + reg * other)
        np.testing.assert_allclose(vectors[1][0], [*moved, -rate * error], rtol=1e-5)
        moved = liked + rate * (error * user - reg * liked)
        np.testing.assert_allclose(vectors[1][1], [*moved, rate * error], rtol=1e-5)

    def test_what_is_popular_ranks_high(self) -> None:
        rng = np.random.default_rng(1)
        chance = 0.6 / np.arange(1, 61)  # tastes are alike: only popularity is to be learned
        matrix = sparse.csr_matrix((rng.random((400, 60)) < chance).astype(float))
        matrix.resize(401, 60)
        model = BPR(factors=8, iterations=30).fit(matrix)
        lists = model.recommend(np.arange(401), 10, exclude_seen=False).ids
        assert np.mean(lists < 10) > 0.6
        # Of a user without a like, nothing but the popularity of items is known.
        assert set(lists[400]) <= set(range(14))

    def test_a_user_of_everything_has_nothing_to_compare_with(self) -> None:
        matrix = sparse.csr_matrix(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
        assert BPR(factors=2, iterations=2).fit(matrix).recommend(np.array([1]), 2).ids.size == 2


class TestPureSVD(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return PureSVD(factors=2, seed=seed)

    @pytest.mark.parametrize("factors", [1, 5, 29, 30, 500])
    def test_scores_are_those_of_numpy_s_svd(self, factors: int) -> None:
        matrix = scattered()
        model = PureSVD(factors=factors, seed=4).fit(matrix)
        most = min(matrix.shape) // 2
        vectors = np.linalg.svd(matrix.toarray(), full_matrices=False)[2][: min(factors, most)]
        expected = matrix.toarray() @ vectors.T @ vectors
        np.testing.assert_allclose(model._scores(matrix, None), expected, atol=1e-5)

    def test_a_small_matrix_is_not_learned_by_heart(self) -> None:
        matrix = scattered()
        listed = PureSVD(factors=500).fit(matrix).recommend(np.arange(matrix.shape[0]), 3)
        assert np.median(listed.scores) > 0.01

    def test_the_start_of_the_search_changes_no_sign(self) -> None:
        one, two = (PureSVD(factors=5, seed=seed).fit(scattered()).item_factors for seed in (1, 2))
        np.testing.assert_allclose(one, two, atol=1e-4)


def test_a_seed_matters_to_models_that_draw() -> None:
    for name in ("als", "bpr"):
        one, two = (
            make_model(name, seed=seed).fit(scattered()).recommend(np.arange(30), 9).ids
            for seed in (1, 2)
        )
        assert (one != two).any(), name
