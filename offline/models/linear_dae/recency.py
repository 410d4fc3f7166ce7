"""Weights by recency: the latest interactions predict the next ones best."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def by_time(histories: sparse.csr_matrix, timestamps: NDArray[np.int64]) -> sparse.csr_matrix:
    """The same entries, each row's in the order of their timestamps; ties stay as they are."""
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    order = np.lexsort((timestamps, rows))
    found = sparse.csr_matrix(
        (histories.data[order], histories.indices[order], histories.indptr), shape=histories.shape
    )
    found.has_sorted_indices = False
    return found


def in_time(histories: sparse.csr_matrix) -> bool:
    """Whether entries have an order of their own, which is taken for the order of time."""
    return not histories.has_sorted_indices


def by_recency(histories: sparse.csr_matrix, power: float) -> sparse.csr_matrix:
    """The same entries, sorted by item, each weighed by its place from its row's end.

    The last of a row weighs 1, the k-th from the end k ** -power.
    """
    sizes = np.diff(histories.indptr)
    ends = np.repeat(histories.indptr[1:], sizes)
    weights = (ends - np.arange(histories.nnz)).astype(np.float32) ** np.float32(-power)
    found = sparse.csr_matrix(
        (weights, histories.indices.copy(), histories.indptr), shape=histories.shape
    )
    found.sort_indices()
    return found
