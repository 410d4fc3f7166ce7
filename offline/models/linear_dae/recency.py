"""Weights by recency: the latest interactions predict the next ones best."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def by_recency(
    histories: sparse.csr_matrix, times: NDArray[np.int64], power: float
) -> sparse.csr_matrix:
    """The same entries, each weighed by how many of its row are later than it.

    `times`: when each entry happened, shape (nnz,), in any unit. An entry with n later ones weighs
    (n + 1) ** -power: the last of a row weighs 1, and those of one time weigh the same.
    """
    sizes = np.diff(histories.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((-times, rows))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(times[order]) != 0) | (np.diff(rows[order]) != 0)
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    later = np.empty(len(order), dtype=np.int64)
    later[order] = first - histories.indptr[rows[order]]
    weights = (later + 1).astype(np.float32) ** np.float32(-power)
    return sparse.csr_matrix((weights, histories.indices, histories.indptr), shape=histories.shape)
