"""Every model of ratings: the shipped checks, and data whose right answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from offline.models.check import CHECKS
from offline.models.check_ratings import RATING_CHECKS
from offline.models.mf.bayes import BayesMF
from offline.models.mf.svd import NMF, SVD
from offline.models.mf.svdpp import NSVD, SVDpp
from offline.models.mf.truncated_svd import TruncatedSVD
from offline.models.ratings import RatingModel

SMALL = {"factors": 7, "seed": 3}
MODELS: dict[str, Callable[[], RatingModel]] = {
    "truncated-svd": lambda: TruncatedSVD(**SMALL),
    "truncated-svd centred": lambda: TruncatedSVD(centred=True, **SMALL),
    "svd": lambda: SVD(**SMALL),
    "svd in time": lambda: SVD(time_bins=4, **SMALL),
    "svd by steps": lambda: SVD(batch=20, steps=150, learning_rate=0.001, **SMALL),
    "svd, validated": lambda: SVD(validation=0.1, **SMALL),
    "svdpp": lambda: SVDpp(**SMALL),
    "nsvd": lambda: NSVD(**SMALL),
    "nsvd min": lambda: NSVD(list_size="min", **SMALL),
    "nsvd mean by steps": lambda: NSVD(
        list_size="mean", batch=20, steps=150, learning_rate=0.001, **SMALL
    ),
    "nmf": lambda: NMF(**SMALL),
    "bayes-mf": lambda: BayesMF(draws=6, **SMALL),
}
LEARNS = {name: make for name, make in MODELS.items() if name != "truncated-svd"}
"""Those to which a missing rating is none."""


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("check", [*CHECKS, *RATING_CHECKS])
def test_the_shipped_check(check: str, name: str) -> None:
    (CHECKS | RATING_CHECKS)[check](MODELS[name])


def planted(n_users: int = 400, n_items: int = 60, seed: int = 2) -> tuple[sparse.csr_matrix, ...]:
    """Ratings of 1 to 5 from biases and one factor with noise of .5, a tenth of them apart."""
    rng = np.random.default_rng(seed)
    likes, kinds = rng.normal(size=n_users), rng.normal(size=n_items)
    expected = 3 + 0.4 * rng.normal(size=(n_users, 1)) + 0.4 * rng.normal(size=n_items)
    expected = expected + 0.7 * np.outer(likes, kinds)
    ratings = np.clip(expected + 0.5 * rng.normal(size=expected.shape), 1, 5)
    part = rng.random(expected.shape)
    return tuple(
        sparse.csr_matrix(np.where(mask, ratings, 0).astype(np.float32))
        for mask in (part < 0.5, part > 0.9)
    )


@pytest.fixture(scope="module")
def data() -> tuple[sparse.csr_matrix, ...]:
    return planted()


def rmse(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - true) ** 2)))


GOOD: dict[str, tuple[RatingModel, float]] = {
    "truncated-svd centred": (TruncatedSVD(factors=1, centred=True), 0.85),
    "svd": (SVD(factors=4), 0.6),
    "svdpp": (SVDpp(factors=4), 0.6),
    "nsvd": (NSVD(factors=4, epochs=60), 0.9),
    "nmf": (NMF(factors=4, epochs=60), 0.75),
    "bayes-mf": (BayesMF(factors=4, draws=30), 0.6),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_was_planted_is_found(name: str, data: tuple[sparse.csr_matrix, ...]) -> None:
    model, good = GOOD[name]
    train, test = data
    left = test.tocoo()
    found = model.fit(train).predict(left.row, left.col)
    assert rmse(np.full(test.nnz, train.data.mean()), test.data) > 0.97
    assert rmse(found.values, test.data) < good


def test_standard_errors_tell_sure_from_unsure(data: tuple[sparse.csr_matrix, ...]) -> None:
    train, test = data
    few = train.copy().tolil()
    few[:200, 6:] = 0  # the first users have rated six items at most
    model = BayesMF(factors=4, draws=30).fit(sparse.csr_matrix(few))
    left = test.tocoo()
    errors = model.predict(left.row, left.col).errors
    assert errors is not None
    assert errors[left.row < 200].mean() > 1.5 * errors[left.row >= 200].mean()


@pytest.mark.parametrize("name", ["svd", "svdpp", "bayes-mf", "nsvd"])
def test_a_stranger_is_as_well_known_as_a_user_of_the_data(
    name: str, data: tuple[sparse.csr_matrix, ...]
) -> None:
    """Half of the users are folded in after training on the others."""
    train, test = data
    model = type(GOOD[name][0])(**GOOD[name][0].config.model_dump()).fit(train[:200])
    vectors = np.array(
        [model.fold_in(row.indices, row.data) for row in (train[u] for u in range(200, 400))]
    )
    left = test[200:].tocoo()
    found = (vectors[left.row] * model.factors().items[left.col]).sum(axis=1)
    assert rmse(np.clip(found, 1, 5), left.data) < GOOD[name][1] + 0.06


def test_nmf_is_never_negative(data: tuple[sparse.csr_matrix, ...]) -> None:
    factors = NMF(factors=4).fit(data[0]).factors()
    assert factors.users.min() >= 0
    assert factors.items[:, 2:].min() >= 0


def test_truncated_svd_is_numpy_s(data: tuple[sparse.csr_matrix, ...]) -> None:
    train = data[0]
    left, weights, right = np.linalg.svd(train.toarray(), full_matrices=False)
    factors = TruncatedSVD(factors=3).fit(train).factors()
    expected = (left[:, :3] * weights[:3]) @ right[:3]
    np.testing.assert_allclose(factors.users @ factors.items.T, expected, atol=1e-3)


def test_the_workshop_s_user_is_a_projection(data: tuple[sparse.csr_matrix, ...]) -> None:
    train = data[0]
    for centred in (False, True):
        model = TruncatedSVD(factors=3, centred=centred).fit(train)
        row = train[5]
        found = model.fold_in(row.indices, row.data)
        np.testing.assert_allclose(found, model.factors().users[5], atol=0.03)
