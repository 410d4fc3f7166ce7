"""Fold-in against its definition, and the parts of a prediction against the whole."""

import numpy as np

from botify.factors import Prior
from botify.ratings.fold_in import fold_in

RNG = np.random.default_rng(3)
MEAN = np.array([1.0, 0.4, -0.3, 0.1])
ROOT = np.vstack([np.zeros(3), np.eye(3) + RNG.normal(size=(3, 3)) / 4])
"""The first dimension is the same for all users."""
PRIOR = Prior(MEAN, ROOT, 0.7)
VECTORS = RNG.normal(size=(9, 4)).astype(np.float32)
RATINGS = (VECTORS @ MEAN + RNG.normal(size=9)).astype(np.float32)


def test_it_is_ridge_regression_towards_the_average_user() -> None:
    found = fold_in(PRIOR, VECTORS, RATINGS).vector
    # By the covariance itself: argmin Σ (r - w·q)² / s² + (w - m)ᵀ C⁻¹ (w - m), free dimensions.
    covariance = (ROOT @ ROOT.T)[1:, 1:]
    q = VECTORS[:, 1:].astype(float)
    precision = q.T @ q / 0.7 + np.linalg.inv(covariance)
    left = RATINGS - VECTORS.astype(float) @ MEAN
    moved = np.linalg.solve(precision, q.T @ left / 0.7)
    np.testing.assert_allclose(found, [MEAN[0], *(MEAN[1:] + moved)], rtol=1e-5)


def test_without_ratings_it_is_the_average_user() -> None:
    none = fold_in(PRIOR, VECTORS[:0], RATINGS[:0])
    np.testing.assert_allclose(none.vector, MEAN, rtol=1e-6)
    assert none.contributions(VECTORS).shape == (9, 0)


def test_what_ratings_add_is_all_of_the_prediction() -> None:
    folded = fold_in(PRIOR, VECTORS[:6], RATINGS[:6])
    added = folded.contributions(VECTORS[6:])
    assert added.shape == (3, 6)
    whole = VECTORS[6:].astype(float) @ folded.vector
    np.testing.assert_allclose(VECTORS[6:] @ MEAN + added.sum(axis=1), whole, rtol=1e-5)


def test_many_ratings_of_one_user_outweigh_the_average() -> None:
    truth = np.array([1.0, 2.0, -1.5, 0.5])
    vectors = RNG.normal(size=(3000, 4)).astype(np.float32)
    found = fold_in(PRIOR, vectors, (vectors @ truth).astype(np.float32)).vector
    np.testing.assert_allclose(found, truth, atol=0.01)
