"""Vectors whose cosines are those of whole rows of predicted ratings, which are never made."""

import numpy as np
from numpy.typing import NDArray

from offline.models.ratings import Factors

Array = NDArray[np.float64]


def predicted_rows(
    factors: Factors, users: NDArray[np.bool_], items: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Short vectors of users and of items with the cosines of centred predicted ratings.

    The predictions P = U Vᵀ, of shape (users, items), are centred by rows and by columns, since
    all lie near the mean of their user and of their item: what is left is taste. That is
    C = (U - mean of U)(V - mean of V)ᵀ exactly, because the sums of a row and of a column are
    products of means. Rows of C have the inner products X Xᵀ with X = (U - mean) Rᵀ, where
    Rᵀ R = Gram matrix of V - mean; columns likewise.

    Parameters
    ----------
    factors : Factors
        Predictions are taken as they are, not clipped.
    users, items : array of bool, shape (n_users,) and (n_items,)
        Which of them have ratings: only these are compared, and count in the means.

    Returns
    -------
    tuple of arrays of float64, shape (users, k) and (items, k)
        Of those alone, in their order.
    """
    left, right = (
        rows[known].astype(np.float64)
        for rows, known in ((factors.users, users), (factors.items, items))
    )
    left -= left.mean(axis=0)
    right -= right.mean(axis=0)
    return left @ _root(right), right @ _root(left)


def _root(rows: Array) -> Array:
    """A matrix S with S Sᵀ = rowsᵀ rows, shape (k, k)."""
    values, vectors = np.linalg.eigh(rows.T @ rows)
    found: Array = vectors * np.sqrt(np.maximum(values, 0))
    return found
