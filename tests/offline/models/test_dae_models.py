"""The autoencoders behind the models' interface, against their formulas."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.check import scattered
from offline.models.dae.recommender import DAERecommender
from offline.models.inputs import training_set
from offline.models.linear_dae.closed_form import TOLERANCE, LinearDAE, Powers, response
from offline.models.linear_dae.recency import by_recency, in_time
from offline.models.linear_dae.recommender import LinearDAERecommender
from offline.models.linear_dae.sparse_product import multiply
from offline.models.linear_dae.tuning import RECENCIES, STRENGTHS, TunedParameters, choose

from .recommender_checks import FindsCamps, RecommenderChecks


class TestLinearDAE(FindsCamps):
    def make(self, seed: int = 1) -> Recommender:
        return LinearDAERecommender(seed=seed)


class TestDAE(RecommenderChecks):
    def make(self, seed: int = 1) -> Recommender:
        return DAERecommender(hidden=(8,), epochs=2, batch_size=16, seed=seed)

    def test_one_item_only(self) -> None:
        with pytest.raises(InputError, match="needs a user with two interactions"):
            self.make().fit(sparse.csr_matrix(np.array([[1.0], [0.0], [1.0]])))


@pytest.mark.parametrize("powers", [Powers(), Powers(0.0, 0.5), Powers(0.5, 0.2)])
@pytest.mark.parametrize("strength", [1.0, 0.06])
def test_scores_are_those_of_the_closed_form(powers: Powers, strength: float) -> None:
    matrix = scattered()
    dense = matrix.toarray().astype(np.float64)
    degrees = np.maximum(dense.sum(axis=0), 1)
    users = np.maximum(dense.sum(axis=1), 1) ** (-2 * powers.user)
    gram = dense.T @ (users[:, None] * dense)
    damping = np.diag(degrees ** (2 * powers.item))
    # The largest eigenvalue of G against D, that strengths are relative to.
    scaled = gram / np.sqrt(np.outer(np.diag(damping), np.diag(damping)))
    noise = strength * np.linalg.eigvalsh(scaled)[-1] * damping
    expected = dense @ np.linalg.solve(gram + noise, gram)
    found = LinearDAE(matrix, powers).scores(matrix, np.full(30, strength), powers.item)
    # The largest eigenvalue that the model finds has a margin, which strength inherits.
    np.testing.assert_allclose(found, expected, atol=0.03 * np.abs(expected).max())
    order = np.corrcoef(found.ravel(), expected.ravel())[0, 1]
    assert order > 0.9999


def test_popularity_weighs_scores_by_a_power_of_users() -> None:
    matrix = scattered()
    model = LinearDAE(matrix, Powers())
    users = np.maximum(np.bincount(matrix.indices, minlength=50), 1)
    plain, weighed = (model.scores(matrix, np.full(30, 0.25), power) for power in (0.0, 0.5))
    np.testing.assert_allclose(weighed, plain * np.sqrt(users), rtol=1e-5)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_polynomial_stands_for_the_inverse(strength: float) -> None:
    g = np.linspace(0, 1, 999)
    found = chebyshev.chebval(2 * g - 1, response(strength))
    np.testing.assert_allclose(found, g / (g + strength), atol=TOLERANCE)


@pytest.mark.parametrize("columns", [1, 7, 64])
def test_product_of_a_sparse_and_a_dense_matrix(columns: int) -> None:
    matrix = scattered()
    dense = np.random.default_rng(1).random((50, columns), dtype=np.float32)
    out = np.full((30, columns), np.nan, dtype=np.float32)
    np.testing.assert_allclose(multiply(matrix, dense, out), matrix @ dense, rtol=1e-5)


def _changing() -> sparse.csr_matrix:
    """Items in order of time: people begin in one of two camps, and all end in the same items."""
    rng = np.random.default_rng(2)
    rows = [
        np.concatenate(
            [user % 2 * 30 + rng.choice(30, 12, replace=False), 60 + rng.permutation(6)]
        )
        for user in range(60)
    ]
    shape = len(rows), 66
    bounds = np.arange(len(rows) + 1) * 18
    return sparse.csr_matrix((np.ones(bounds[-1]), np.concatenate(rows), bounds), shape=shape)


def test_in_time_the_last_are_asked_for_else_any() -> None:
    in_time = _changing()
    by_id = in_time.copy()
    by_id.sort_indices()
    choices = [choose(matrix, np.random.default_rng(1)) for matrix in (in_time, by_id)]
    # A fifth of 18 is 4: all of them among the six last, which others have among theirs.
    again = choose(in_time, np.random.default_rng(2))
    assert choices[0].ndcg == pytest.approx(again.ndcg)
    assert choices[0].ndcg != pytest.approx(choices[1].ndcg)
    times = np.arange(in_time.nnz)
    model = LinearDAERecommender(seed=1)
    assert model.fit(training_set(in_time, times)).tuned == choices[0]
    assert model.fit(in_time).tuned == model.fit(by_id).tuned == choices[1]


def _moving() -> sparse.csr_matrix:
    """Items in order of time: people like one of four groups of items, and later another one."""
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(120):
        first, then = rng.choice(4, 2, replace=False) * 20
        rows.append(
            np.concatenate([first + rng.permutation(20)[:9], then + rng.permutation(20)[:9]])
        )
    bounds = np.arange(len(rows) + 1) * 18
    return sparse.csr_matrix((np.ones(bounds[-1]), np.concatenate(rows), bounds), shape=(120, 80))


def test_what_came_last_counts_for_more_where_that_is_so() -> None:
    model = LinearDAERecommender(seed=1).fit(training_set(_moving(), np.arange(120 * 18)))
    assert model.tuned.recency == max(RECENCIES)
    taste = np.concatenate([np.arange(5), 20 + np.arange(5)])
    histories = sparse.csr_matrix(
        (np.ones(20), np.concatenate([taste, taste[::-1]]), [0, 10, 20]), shape=(2, 80)
    )
    lists = model.recommend_for(histories, 10, timestamps=np.arange(20)).ids
    of_last = [np.mean(lists[0] // 20 == 1), np.mean(lists[1] // 20 == 0)]
    assert min(of_last) > 0.5
    assert LinearDAERecommender(seed=1).fit(_moving()).tuned.recency == 0


def test_weights_by_recency_stay_with_their_items() -> None:
    matrix = sparse.csr_matrix((np.ones(5), [4, 1, 3, 0, 2], [0, 3, 3, 5]), shape=(3, 5))
    assert in_time(matrix)
    weighed = by_recency(matrix, 0.5)
    expected = np.zeros((3, 5))
    expected[0, [4, 1, 3]] = 3**-0.5, 2**-0.5, 1
    expected[2, [0, 2]] = 2**-0.5, 1
    np.testing.assert_allclose(weighed.toarray(), expected, rtol=1e-6)
    assert weighed.has_sorted_indices
    assert matrix.indices.tolist() == [4, 1, 3, 0, 2]
    assert not in_time(weighed)


def test_too_little_to_choose_by() -> None:
    matrix = sparse.csr_matrix(np.eye(4, dtype=np.float32))
    assert choose(matrix, np.random.default_rng(1)).ndcg == 0


def test_who_is_known_better_is_shrunk_less_but_no_less_than_was_tried() -> None:
    tuned = TunedParameters(Powers(), 0.5, 20.0, 1.0, 0.12, 0.3, 0.0, 0.1)
    found = tuned.strengths(np.array([0, 5, 20, 40, 80, 9999]))
    assert found.tolist() == [2.0, 2.0, 0.5, 0.25, 0.12, 0.12]
