"""Compiled loops beside the formulas that they stand for, in plain NumPy."""

import numba
import numpy as np
import pytest
from scipy import sparse

from offline.models.check import scattered
from offline.models.mf.bayes import BayesMF, normal_wishart
from offline.models.mf.gibbs import draw_vectors
from offline.models.mf.lists import RatedItems
from offline.models.mf.mean_product import MeanProduct
from offline.models.mf.momentum import momentum_steps
from offline.models.mf.sgd import BIASED, USE_P, sgd_pass
from offline.models.mf.time_biases import TimeBiases

F = np.float32
RATE, REG, REG_BIAS, REG_Y = 0.05, 0.03, 0.02, 0.01


@pytest.mark.parametrize("use_p", [True, False])
def test_a_pass_of_svdpp_is_koren_s_steps_one_by_one(use_p: bool) -> None:
    ratings = scattered(rated=True)
    (n, m), k, rng = ratings.shape, 4, np.random.default_rng(1)
    p, q, y = (0.3 * rng.normal(size=(size, k)) for size in (n, m, m))
    p *= use_p
    bu, bi, mean = np.zeros(n), np.zeros(m), 3.0
    order = rng.permutation(n)
    lists = RatedItems.of(ratings, "all", rng)
    single = [array.astype(F) for array in (bu, bi, p, q, y)]
    for u in order:
        row = slice(ratings.indptr[u], ratings.indptr[u + 1])
        rated = ratings.indices[row]
        for i, r in zip(rated, ratings.data[row], strict=True):
            norm = len(rated) ** -0.5
            w = p[u] + norm * y[rated].sum(axis=0)
            e = r - mean - bu[u] - bi[i] - w @ q[i]
            bu[u] += RATE * (e - REG_BIAS * bu[u])
            bi[i] += RATE * (e - REG_BIAS * bi[i])
            old = q[i].copy()
            q[i] += RATE * (e * w - REG * q[i])
            if use_p:
                p[u] += RATE * (e * old - REG * p[u])
            y[rated] += RATE * (norm * e * old - REG_Y * y[rated])
    sgd_pass(
        order, np.zeros(n, np.int64), ratings.indptr.astype(np.int64), ratings.indices,
        ratings.data, np.empty((0, 2), np.int32), F(mean), single[0], single[1], np.zeros(1, F),
        *single[2:], lists.indptr, lists.items, lists.norms, F(RATE), F(REG), F(REG_BIAS),
        F(REG_Y), F(0), BIASED | (USE_P if use_p else 0),
    )  # fmt: skip
    for found, expected in zip(single, (bu, bi, p, q, y), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_step_moves_by_the_summed_gradient_with_momentum() -> None:
    rng = np.random.default_rng(2)
    n, m, k, width, batch = 5, 6, 2, 8, 9
    pairs = np.array([(u, i) for u in range(n) for i in range(m)], np.uint32)
    values = rng.integers(1, 6, len(pairs)).astype(F)
    p, q = np.zeros((n, width)), np.zeros((m, width))
    p[:, :k], q[:, :k] = rng.normal(size=(n, k)), rng.normal(size=(m, k))
    p[:, k + 1] = q[:, k] = 1
    vp, vq = np.zeros_like(p), np.zeros_like(q)
    found = [array.astype(F) for array in (p, q)]
    moving = tuple(np.zeros((size, width), F) for size in (n, m, 0))
    nothing = RatedItems.none(n)
    state = np.array([12345], np.uint64)
    momentum_steps(
        3, batch, pairs, values, F(3), k, *found, np.zeros((0, width), F), moving, nothing.items,
        nothing.indptr, nothing.norms, F(0.01), F(0.9), F(0.1), state,
    )  # fmt: skip
    x = 12345
    for _ in range(3):
        gp, gq = np.zeros_like(p), np.zeros_like(q)
        for _ in range(batch):
            x ^= x << 13 & (2**64 - 1)
            x ^= x >> 7
            x ^= x << 17 & (2**64 - 1)
            entry = (x >> 32) * len(pairs) >> 32
            u, i = pairs[entry].tolist()
            e = values[entry] - 3 - p[u] @ q[i]
            gp[u] += 2 * (0.1 * p[u] - e * q[i])
            gq[i] += 2 * (0.1 * q[i] - e * p[u])
        for g, v, rows, one in ((gp, vp, p, k + 1), (gq, vq, q, k)):
            touched = g.any(axis=1)
            v[touched] = 0.9 * v[touched] + g[touched]
            rows[touched] -= 0.01 * v[touched]
            rows[:, one] = 1
    assert state[0] == x
    for single, rows in zip(found, (p, q), strict=True):
        np.testing.assert_allclose(single, rows, atol=1e-4)


def test_a_vector_without_noise_is_the_ridge_solution() -> None:
    ratings = scattered(rated=True)
    n, d, rng = ratings.shape[0], 8, np.random.default_rng(3)
    vectors = rng.normal(size=(50, d)).astype(F)
    offsets = rng.normal(size=50).astype(F)
    out = np.empty((n, d), F)
    alpha, prior = 1.7, np.eye(d, dtype=F) * 2
    none = np.zeros((n, d), F)
    draw_vectors(
        ratings.indptr.astype(np.int64), ratings.indices, ratings.data, offsets, vectors, prior,
        none, F(alpha), none, out,
    )  # fmt: skip
    for u in (0, 3, 29):  # user 3 has no rating
        row = ratings[[u]]
        x = vectors[row.indices].astype(float)
        left = row.data - offsets[row.indices]
        expected = np.linalg.solve(alpha * x.T @ x + 2 * np.eye(d), alpha * x.T @ left)
        np.testing.assert_allclose(out[u], expected, atol=1e-4)


def test_draws_have_the_posterior_s_covariance() -> None:
    n, d, rng = 20_000, 8, np.random.default_rng(4)
    vectors = rng.normal(size=(3, d)).astype(F)
    indptr = np.arange(0, 3 * n + 1, 3)
    noise = rng.standard_normal((n, d), dtype=F)
    out = np.empty((n, d), F)
    draw_vectors(
        indptr, np.tile(np.arange(3, dtype=np.int32), n), np.ones(3 * n, F), np.zeros(3, F),
        vectors, np.eye(d, dtype=F), np.zeros((n, d), F), F(2), noise, out,
    )  # fmt: skip
    expected = np.linalg.inv(2 * vectors.T.astype(float) @ vectors + np.eye(d))
    np.testing.assert_allclose(np.cov(out.T), expected, atol=0.03)


def test_hyperparameters_are_drawn_around_those_of_the_rows() -> None:
    rng = np.random.default_rng(5)
    rows = rng.multivariate_normal([1.0, -2.0], [[0.5, 0.2], [0.2, 0.3]], size=5000)
    drawn = [normal_wishart(rows, rng) for _ in range(50)]
    centre = np.mean([mean for mean, _ in drawn], axis=0)
    spread = np.linalg.inv(np.mean([precision for _, precision in drawn], axis=0))
    np.testing.assert_allclose(centre, [1, -2], atol=0.03)
    np.testing.assert_allclose(spread, [[0.5, 0.2], [0.2, 0.3]], atol=0.03)


def test_threads_change_nothing() -> None:
    users, items = np.repeat(np.arange(30), 50), np.tile(np.arange(50), 30)
    before = numba.get_num_threads()
    found = []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            model = BayesMF(factors=7, draws=4).fit(scattered(rated=True))
            found.append(model.predict(users, items).values)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[-1])


def test_a_mean_of_products_is_that_of_the_products() -> None:
    rng = np.random.default_rng(6)
    pairs = [(rng.normal(size=(30, 3)).astype(F), rng.normal(size=(20, 3)).astype(F))
             for _ in range(12)]  # fmt: skip
    mean = MeanProduct(20)  # as much rank as there is
    for left, right in pairs:
        mean.add(left, right)
    left, right = mean.factors()
    expected = np.mean([a @ b.T for a, b in pairs], axis=0)
    np.testing.assert_allclose(left @ right.T, expected, atol=1e-4)


@pytest.mark.parametrize(("size", "most"), [("mean", 5), ("min", 1)])
def test_lists_are_cut_by_the_seed(size: str, most: int) -> None:
    sizes = np.array([1, 4, 12, 0])
    dense = np.arange(12) < sizes[:, None]
    ratings = sparse.csr_matrix(dense.astype(F))
    one, two = (RatedItems.of(ratings, size, np.random.default_rng(n)) for n in (1, 2))
    assert np.diff(one.indptr).tolist() == np.minimum(sizes, most).tolist()
    assert (one.items < 12).all()
    assert one.items.tolist() != two.items.tolist()
    np.testing.assert_allclose(one.norms, most**-0.5)
    whole = RatedItems.of(ratings, "max", np.random.default_rng(1))
    np.testing.assert_allclose(whole.norms[:3], sizes[:3] ** -0.5, rtol=1e-6)


def test_biases_in_time_are_of_parts_and_days() -> None:
    day = 86_400_000
    times = np.array([0, 1, day, 5 * day, 9 * day])
    users, items = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 1])
    found = TimeBiases.fresh(times, users, n_items=2, parts=2)
    values = np.arange(len(found.values), dtype=F)
    values[-1] = 0
    found = found._replace(values=values)
    assert len(found.edges) == 1
    assert len(found.days) == 4
    slots = found.slots(users, items, times)
    assert len(np.unique(slots[:, 1])) == 4
    assert found.last(2).tolist() == [1.0, 3.0]
    unknown = found.at(np.array([0]), np.array([1]), np.array([20 * day]))
    assert unknown.tolist() == [0.0]  # at the end, on a day of which nothing is known
