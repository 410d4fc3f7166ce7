"""New users' vectors from their ratings, given the items' vectors: no training, microseconds."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_SAMPLE = 2**17
"""Ratings by which the noise is measured, at most."""


@dataclass(frozen=True, eq=False)
class Prior:
    """Users' vectors as a normal distribution: the mean and covariance of those of known users.

    With noise of variance s² in ratings r of items with the vectors B, a new user's vector has the
    posterior mean m + L (Lᵀ Bᵀ B L + s² I)⁻¹ Lᵀ Bᵀ (r − B m), where L Lᵀ is the covariance and m
    the mean (Bishop, Pattern Recognition and Machine Learning, 2006, eq. 2.116). A column that is
    the same for every user, such as that for an item's bias, stays as it is.
    """

    mean: NDArray[np.float64]
    """Shape (k,)."""
    root: NDArray[np.float64]
    """L, shape (k, rank)."""
    noise: float
    """s², above 0."""

    @classmethod
    def around(cls, users: NDArray[Any], noise: float) -> Self:
        """By the vectors of users who have rated something, shape (n, k), and the noise."""
        found = users.astype(np.float64)
        mean = found.mean(axis=0)
        spread, axes = np.linalg.eigh((found - mean).T @ (found - mean) / len(found))
        there = spread > max(spread[-1], 0) * 1e-9
        # Noise of 0, a model that knows all by heart, leaves nothing to be inverted.
        return cls(mean, axes[:, there] * np.sqrt(spread[there]), max(noise, 1e-6))

    def most_probable(self, items: NDArray[Any], ratings: NDArray[Any]) -> NDArray[np.float32]:
        """The vector of a user with these ratings, shape (m,), of items with these vectors (m, k).

        Without any, the mean.
        """
        known = items.astype(np.float64)
        shown = known @ self.root
        left = shown.T @ (ratings - known @ self.mean)
        within = shown.T @ shown + self.noise * np.eye(shown.shape[1])
        found: NDArray[np.float32] = (
            self.mean + self.root @ np.linalg.solve(within, left)
        ).astype(np.float32)
        return found


def noise_of(users: NDArray[Any], items: NDArray[Any], ratings: sparse.csr_matrix) -> float:
    """The mean square of what vectors of users and items, shape (n, k), leave of ratings."""
    step = -(-ratings.nnz // _SAMPLE)
    entries = np.arange(0, ratings.nnz, step)
    rows = np.searchsorted(ratings.indptr, entries, side="right") - 1
    expected = (users[rows] * items[ratings.indices[entries]]).sum(axis=1, dtype=np.float64)
    return float(np.mean((ratings.data[entries] - expected) ** 2))
