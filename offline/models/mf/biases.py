"""The mean, and how much users and items are above it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

ITEMS, USERS = 5.0, 10.0
"""By how many ratings of value 0 biases are damped."""


class Biases(NamedTuple):
    """A rating is about mean + users[u] + items[i]."""

    mean: float
    users: NDArray[np.float32]
    """Shape (n_users,); 0 where there is no rating."""
    items: NDArray[np.float32]
    """Shape (n_items,)."""

    def of_entries(self, ratings: sparse.csr_matrix) -> NDArray[np.float32]:
        """What they expect of each stored entry of a matrix, shape (nnz,)."""
        rows = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr))
        return self.of_pairs(rows, ratings.indices)

    def of_pairs(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[np.float32]:
        """What they expect of pairs of rows, each of shape (n,); not clipped."""
        found: NDArray[np.float32] = self.mean + self.users[users] + self.items[items]
        return found


def damped_biases(
    ratings: sparse.csr_matrix, items: float = ITEMS, users: float = USERS, rounds: int = 4
) -> Biases:
    """Biases in turn, each the mean of what the others leave, damped by that many ratings.

    As in Koren (2010), "Factor in the neighbors", section 2.1, with `items` and `users` the
    ratings of value 0 that every item and user is given besides.
    """
    n_users, n_items = ratings.shape
    rows = np.repeat(np.arange(n_users), np.diff(ratings.indptr))
    columns, values = ratings.indices, ratings.data
    mean = float(values.mean(dtype=np.float64))
    of_user, of_item = np.zeros(n_users), np.zeros(n_items)
    counts = np.bincount(rows, minlength=n_users), np.bincount(columns, minlength=n_items)
    for _ in range(rounds):
        left = values - mean - of_user[rows]
        of_item = np.bincount(columns, left, minlength=n_items) / (counts[1] + items)
        left = values - mean - of_item[columns]
        of_user = np.bincount(rows, left, minlength=n_users) / (counts[0] + users)
    return Biases(mean, of_user.astype(np.float32), of_item.astype(np.float32))


def with_biases(
    biases: Biases, users: NDArray[np.float32], items: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factors with two columns before them, so that the product is the whole prediction."""
    ones_u, ones_i = (np.ones(len(rows), np.float32) for rows in (users, items))
    left = np.column_stack([np.float32(biases.mean) + biases.users, ones_u, users])
    right = np.column_stack([ones_i, biases.items, items])
    return np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32)
