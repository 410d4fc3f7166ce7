"""The mean of products of factors, kept as one product of a given rank."""

import numpy as np
from numpy.typing import NDArray

_CELLS = 2**26
"""Numbers of waiting draws, at most, before they are put together."""


class MeanProduct:
    """Adds up A Bᵀ of many draws, whose mean no product of mean factors is.

    Factors of a draw may be turned against those of another, so that means of the factors
    themselves mean nothing. What is kept is the best approximation of the sum at the given rank.
    """

    def __init__(self, rank: int) -> None:
        self._rank, self._count = rank, 0
        self._left: list[NDArray[np.float32]] = []
        self._right: list[NDArray[np.float32]] = []

    def add(self, left: NDArray[np.float32], right: NDArray[np.float32]) -> None:
        """Add left @ right.T: shapes (n, k) and (m, k)."""
        self._left.append(left.copy())
        self._right.append(right.copy())
        self._count += 1
        width = sum(each.shape[1] for each in self._left)
        if width >= 8 * left.shape[1] + self._rank or width * len(left) > _CELLS:
            self._put_together()

    def factors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Factors whose product is the mean: shapes (n, rank) and (m, rank)."""
        self._put_together()
        root = np.float32(self._count**-0.5)
        return self._left[0] * root, self._right[0] * root

    def _put_together(self) -> None:
        lefts, rights = np.hstack(self._left), np.hstack(self._right)
        if lefts.shape[1] > self._rank:
            q_left, r_left = np.linalg.qr(lefts)
            q_right, r_right = np.linalg.qr(rights)
            u, s, v = np.linalg.svd(r_left.astype(np.float64) @ r_right.T)
            rank = min(self._rank, len(s))
            root = np.sqrt(s[:rank])
            lefts = q_left @ (u[:, :rank] * root).astype(np.float32)
            rights = q_right @ (v[:rank].T * root).astype(np.float32)
        self._left, self._right = [lefts], [rights]
