"""The result of every reader of a data set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Dataset:
    """Likes as binary user × item matrices of one shape."""

    name: str
    train: sparse.csr_matrix
    """Ids are sorted in each row: the order of a file's lines says nothing."""
    test: sparse.csr_matrix | None
    """Disjoint from `train`; None where the data set comes without a split."""
    users: NDArray[Any]
    """Row r is the user that the files call `users[r]`."""
    items: NDArray[Any]
    """Column c is the item that the files call `items[c]`."""
    artists: NDArray[np.int64] | None = None
    """The artist of each column; None where items have none."""
    timestamps: NDArray[np.int64] | None = None
    """When each entry of `train` came to be, ms since the epoch; None: not known."""

    @property
    def whole(self) -> sparse.csr_matrix:
        """Train and test together."""
        return self.train if self.test is None else sparse.csr_matrix(self.train + self.test)


def pairs_to_csr(
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    shape: tuple[int, int],
) -> tuple[sparse.csr_matrix, tuple[int, int] | None]:
    """The binary matrix of distinct pairs, and the first pair that is there twice, if one is."""
    keys = np.sort(users * shape[1] + items)
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    again = divmod(int(keys[twice[0]]), shape[1]) if len(twice) else None
    rows, columns = np.divmod(keys, shape[1])
    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    data = np.ones(len(keys), dtype=np.float32)
    return sparse.csr_matrix((data, columns, starts), shape=shape), again
