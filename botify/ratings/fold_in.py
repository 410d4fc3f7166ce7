"""Users that the model does not know, by their own ratings; and what moved a prediction.

A publication says how users' vectors are distributed: normal, with the mean m, the covariance L Lᵀ
and noise of variance s² in ratings. A user who gave the ratings r to items with the vectors B (a
row each) has the posterior mean

    w = m + L (Lᵀ Bᵀ B L + s² I)⁻¹ Lᵀ Bᵀ (r - B m)

(Bishop, Pattern Recognition and Machine Learning, 2006, eq. 2.116): ridge regression on the item
matrix, towards the average user. Dimensions that are the same for all users, which carry the mean
rating and the items' biases, stay as they are. Without ratings, w is the average user.

As w is linear in the ratings, so is each prediction w·q: rating i adds
q L (Lᵀ Bᵀ B L + s² I)⁻¹ Lᵀ b_i (r_i - m·b_i) to what the average user would get (Hu, Koren and
Volinsky, 2008, explain recommendations so).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.factors import Prior

Vectors = NDArray[np.float32]


class FoldedIn(NamedTuple):
    """A user by ratings."""

    prior: Prior
    gains: NDArray[np.float64]
    """What each rating adds, before L: shape (rank, ratings)."""

    @property
    def vector(self) -> NDArray[np.float32]:
        """The user's vector."""
        moved: NDArray[np.float64] = self.prior.mean + self.prior.root @ self.gains.sum(axis=1)
        return moved.astype(np.float32)

    def contributions(self, targets: Vectors) -> NDArray[np.float64]:
        """What each rating adds to the prediction of each target: shape (targets, ratings)."""
        found: NDArray[np.float64] = (targets @ self.prior.root) @ self.gains
        return found


def fold_in(prior: Prior, vectors: Vectors, ratings: NDArray[np.float32]) -> FoldedIn:
    """The user who gave these ratings to the items with these vectors, in the same order."""
    known = vectors.astype(np.float64)
    shown = known @ prior.root
    surprise = ratings - known @ prior.mean
    within = shown.T @ shown + prior.noise * np.eye(shown.shape[1])
    gains = np.linalg.solve(within, shown.T * surprise)
    return FoldedIn(prior, gains.astype(np.float64))
