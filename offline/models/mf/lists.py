"""R(u), the items that a user has rated, as models with implicit factors use it."""

from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.models.mf.sgd import implicit_sums

Size = Literal["all", "max", "mean", "min"]


class RatedItems(NamedTuple):
    """Lists of items in CSR form, and what their sum is multiplied by."""

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    norms: NDArray[np.float32]
    most: int = 0
    """How many items a list has at most; 0: any number."""

    @classmethod
    def none(cls, n_users: int) -> Self:
        """Of no user."""
        return cls(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))

    @classmethod
    def of(cls, ratings: sparse.csr_matrix, size: Size, rng: np.random.Generator) -> Self:
        """The rated items of each user of the training data.

        `all` and `max`: every one, with |R(u)|^-½. `mean` and `min`: at most as many as users
        have on average, rounded down, or at least (users with a rating), drawn where a user has
        more, with that number^-½ for every user.
        """
        sizes = np.diff(ratings.indptr)
        items = ratings.indices.astype(np.int32, copy=False)
        if size in ("all", "max"):
            roots = 1 / np.sqrt(np.maximum(sizes, 1))
            return cls(ratings.indptr.astype(np.int64), items, roots.astype(np.float32))
        there = sizes[sizes > 0]
        most = int(there.mean()) if size == "mean" else int(there.min())
        users = np.repeat(np.arange(len(sizes)), sizes)
        order = np.lexsort((rng.random(len(users)), users))
        place = np.empty(len(users), np.int64)
        place[order] = np.arange(len(users)) - ratings.indptr[users]
        kept = place < most
        counts = np.bincount(users[kept], minlength=len(sizes))
        bounds = np.concatenate([[0], np.cumsum(counts)])
        norms = np.full(len(sizes), most**-0.5, np.float32)
        return cls(bounds, items[kept], norms, most)

    def sums(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """The users' implicit vectors, shape (n_users, k)."""
        found: NDArray[np.float32] = implicit_sums(y, self.indptr, self.items, self.norms)
        return found


def implicit_sum(
    y: NDArray[np.float32], items: NDArray[np.int64], most: int
) -> NDArray[np.float32]:
    """The implicit vector of a user with these items, of lists of `most`: shape (k,)."""
    if not len(items):
        return np.zeros(y.shape[1], np.float32)
    if most:
        some = np.sort(items)[np.random.default_rng(0).permutation(len(items))[:most]]
        found: NDArray[np.float32] = y[some].sum(axis=0) * np.float32(most**-0.5)
        return found
    found = y[items].sum(axis=0) * np.float32(len(items) ** -0.5)
    return found
