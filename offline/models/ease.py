"""A linear autoencoder with a closed form."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg.lapack import spotrf, spotri
from tqdm import tqdm

from offline.errors import InputError
from offline.memory import available_memory
from offline.models.base import Recommender


class EASE(Recommender):
    """EASE^R of Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019).

    With P = (X'X + l2 I)^-1, the item weights are B = I - P / diag(P), whose diagonal is 0, and
    the scores of a history r are r B. One float32 matrix of items × items is all the memory it
    takes: 6.7 GB for 41,000 items. Time grows with the cube of the number of items.
    """

    name = "ease"

    def __init__(self, l2: float = 80.0, progress: bool = False) -> None:
        """`l2`: strength of the regularisation; larger for data with more users an item."""
        if not l2 > 0:
            raise InputError(f"l2 is {l2}: it must be above 0, or the matrix has no inverse")
        self.l2 = l2
        self.progress = progress

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        n = interactions.shape[1]
        _check_memory(n)
        gram = self._gram(interactions)
        gram[np.diag_indices(n)] += np.float32(self.l2)
        # In place: LAPACK works in the array it is given, and leaves the upper triangle as it was.
        factor, failed = spotrf(gram, lower=1, clean=0, overwrite_a=1)
        if not failed:
            gram, failed = spotri(factor, lower=1, overwrite_c=1)
        if failed:
            raise InputError(f"l2 is {self.l2}: too small for this data in float32, raise it")
        _mirror(gram)
        # Symmetric, so its transpose is the same matrix, in the order that products want.
        self._inverse = gram.T
        self._diagonal = np.diagonal(gram).copy()

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = histories @ self._inverse
        scores /= -self._diagonal
        sizes = np.diff(histories.indptr)
        scores[np.repeat(np.arange(len(sizes)), sizes), histories.indices] += 1
        return scores

    def _gram(self, interactions: sparse.csr_matrix) -> NDArray[np.float32]:
        """How many users each two items share; in Fortran order, as LAPACK wants it."""
        n = interactions.shape[1]
        gram = np.empty((n, n), dtype=np.float32, order="F")
        transposed = interactions.T.tocsr()
        step = max(1, 2**22 // n)
        with tqdm(
            total=n, unit=" items", desc="ease", disable=None if self.progress else True
        ) as bar:
            for at in range(0, n, step):
                part = (transposed[at : at + step] @ interactions).toarray()
                gram[:, at : at + step] = part.T
                bar.update(len(part))
            bar.set_postfix_str("inverting")
        return gram


def _check_memory(n_items: int) -> None:
    # The matrix itself, and what blocks of products and of scores take beside it.
    needed, there = 4 * n_items**2 + 2**29, available_memory()
    if needed > there:
        raise InputError(
            f"ease needs {needed / 1e9:.1f} GB of memory for {n_items:,} items, and "
            f"{there / 1e9:.1f} GB are available: leave out rare items, or choose another model"
        )


def _mirror(matrix: NDArray[np.float32], step: int = 1024) -> None:
    """Copy the lower triangle over the upper one, block by block, in place."""
    for at in range(0, len(matrix), step):
        end = at + step
        corner = np.tril(matrix[at:end, at:end])
        matrix[at:end, at:end] = corner + np.tril(corner, -1).T
        matrix[at:end, end:] = matrix[end:, at:end].T
