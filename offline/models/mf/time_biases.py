"""Biases that change in time: of an item by part of the period, of a user by day."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.models.storage import Arrays

_DAY = 86_400_000


class TimeBiases(NamedTuple):
    """What is added to the biases of an item and a user at a time (Koren, KDD 2009, section 3).

    Items have one for each part of the period, parts with as many ratings each. Users have one
    for each day on which they rated; for other days it is 0.
    """

    edges: NDArray[np.int64]
    """Where parts begin, but for the first: shape (parts - 1,), ms."""
    days: NDArray[np.int64]
    """Pairs of user and day, sorted, as user × 2^20 + day since the epoch."""
    values: NDArray[np.float32]
    """n_items × parts, row by row; then one for each of `days`; then a 0."""

    @classmethod
    def fresh(
        cls, times: NDArray[np.int64], users: NDArray[np.int64], n_items: int, parts: int
    ) -> Self:
        """All 0, for ratings at these times, ms, by these users, shape (n,) each."""
        edges = np.unique(np.quantile(times, np.arange(1, parts) / parts).astype(np.int64))
        days = np.unique(_day_keys(users, times))
        return cls(edges, days, np.zeros(n_items * (len(edges) + 1) + len(days) + 1, np.float32))

    def slots(
        self, users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Which two of `values` are for each user, item and time: shape (n, 2)."""
        parts = len(self.edges) + 1
        of_item = items * parts + np.searchsorted(self.edges, times, side="right")
        keys = _day_keys(users, times)
        at = np.minimum(np.searchsorted(self.days, keys), len(self.days) - 1)
        first = len(self.values) - 1 - len(self.days)
        of_user = np.where(self.days[at] == keys, first + at, len(self.values) - 1)
        return np.column_stack([of_item, of_user]).astype(np.int32)

    def at(
        self, users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """How much more than at the end of the period: shape (n,)."""
        found: NDArray[np.float32] = self.values[self.slots(users, items, times)].sum(axis=1)
        return found - self.last(int(items.max(initial=-1)) + 1)[items]

    def last(self, n_items: int) -> NDArray[np.float32]:
        """Of the first items at the end of the period: shape (n_items,)."""
        parts = len(self.edges) + 1
        return self.values[: n_items * parts].reshape(n_items, parts)[:, -1]

    def arrays(self) -> Arrays:
        """To be saved."""
        return {f"time_{name}": array for name, array in self._asdict().items()}

    @classmethod
    def of_arrays(cls, state: Arrays) -> Self | None:
        """What `arrays` gave, if it is there."""
        if "time_values" not in state:
            return None
        return cls(*(state[f"time_{name}"] for name in cls._fields))


def entry_users(ratings: sparse.csr_matrix) -> NDArray[np.int64]:
    """The user of each stored rating, shape (nnz,)."""
    return np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr))


def _day_keys(users: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    return users.astype(np.int64) * 2**20 + np.clip(times // _DAY, 0, 2**20 - 1)
