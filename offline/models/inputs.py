"""A model's input: a binary user × item matrix, checked, with what is known beside it."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet
from offline.errors import InputError


def training_set(
    interactions: sparse.csr_matrix, timestamps: NDArray[np.int64] | None = None
) -> TrainingSet:
    """From a matrix in memory, checked as `binary_csr` says; users and items are its numbers.

    `timestamps`: of its entries, in their order, ms since the epoch.
    """
    matrix, times = in_order(interactions, timestamps)
    histories = InteractionMatrix.of(matrix)
    users = np.arange(len(histories))
    return TrainingSet(histories, users, users, histories.fingerprint(), timestamps=times)


def rating_set(
    ratings: sparse.csr_matrix, timestamps: NDArray[np.int64] | None = None
) -> TrainingSet:
    """From a matrix of ratings in memory, checked as `rating_csr` says; a stored 0 is a rating.

    `timestamps`: of its entries, in their order, ms since the epoch.
    """
    matrix, times = ratings_in_order(ratings, timestamps)
    histories = InteractionMatrix.of(matrix)
    users = np.arange(len(histories))
    digest = hashlib.sha256(histories.fingerprint().encode())
    digest.update(np.ascontiguousarray(matrix.data).data)
    return TrainingSet(
        histories, users, users, digest.hexdigest(), timestamps=times, values=matrix.data
    )


def ratings_in_order(
    ratings: sparse.csr_matrix,
    timestamps: NDArray[np.int64] | None = None,
    n_items: int | None = None,
) -> tuple[sparse.csr_matrix, NDArray[np.int64] | None]:
    """What `rating_csr` gives, and the timestamps of its entries."""
    return rating_csr(ratings, n_items), _in_order(ratings, timestamps)


def in_order(
    interactions: sparse.csr_matrix,
    timestamps: NDArray[np.int64] | None = None,
    n_items: int | None = None,
) -> tuple[sparse.csr_matrix, NDArray[np.int64] | None]:
    """What `binary_csr` gives, and the timestamps of its entries."""
    return binary_csr(interactions, n_items), _in_order(interactions, timestamps)


def _in_order(
    interactions: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """The timestamps of the entries, as they are once they are sorted."""
    if timestamps is None:
        return None
    matrix = sparse.csr_matrix(interactions)
    if len(timestamps) != matrix.nnz:
        raise InputError(f"{len(timestamps)} timestamps for {matrix.nnz} entries: one for each")
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, rows))
    return np.asarray(timestamps, dtype=np.int64)[order]


def filled_up(matrix: sparse.csr_matrix, height: int) -> sparse.csr_matrix:
    """With empty rows added below, to this many."""
    if matrix.shape[0] == height:
        return matrix
    indptr = np.pad(matrix.indptr, (0, height - matrix.shape[0]), mode="edge")
    return sparse.csr_matrix(
        (matrix.data, matrix.indices, indptr), shape=(height, matrix.shape[1])
    )


def binary_csr(interactions: sparse.csr_matrix, n_items: int | None = None) -> sparse.csr_matrix:
    """The same matrix, ids sorted within each row, as float32; the argument is left as it is.

    Raises InputError, which names the first user and item at fault, for an item id outside the
    matrix, a pair that is there twice, and a weight other than 1 (NaN too); and for another
    number of items than `n_items`, where given. Rows without an entry are fine.
    """
    matrix = _sorted_csr(interactions, n_items)
    odd = matrix.data != 1
    if odd.any():
        entry = int(np.argmax(odd))
        user, item = _pair(matrix, entry)
        raise InputError(
            f"the weight of user {user} and item {item} is {matrix.data[entry]}: weights must be "
            "1, for each pair that counts as liked"
        )
    return matrix


def rating_csr(ratings: sparse.csr_matrix, n_items: int | None = None) -> sparse.csr_matrix:
    """The same of ratings, which may be any finite numbers; stored zeros are kept."""
    matrix = _sorted_csr(ratings, n_items)
    odd = ~np.isfinite(matrix.data)
    if odd.any():
        entry = int(np.argmax(odd))
        user, item = _pair(matrix, entry)
        raise InputError(
            f"the rating of user {user} and item {item} is {matrix.data[entry]}: ratings must be "
            "finite numbers"
        )
    return matrix


def _sorted_csr(interactions: sparse.csr_matrix, n_items: int | None) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(interactions)
    if n_items is not None and matrix.shape[1] != n_items:
        raise InputError(
            f"histories over {matrix.shape[1]} items, but the model was fitted on {n_items}: "
            "give both the same item ids"
        )
    _check_ids(matrix)
    if not matrix.has_sorted_indices:
        matrix = matrix.copy()
        matrix.sort_indices()
    same = matrix.indices[1:] == matrix.indices[:-1]
    starts = matrix.indptr[1:-1]
    same[starts[(starts > 0) & (starts < matrix.nnz)] - 1] = False
    if same.any():
        user, item = _pair(matrix, int(np.argmax(same)))
        raise InputError(f"user {user} has item {item} twice: keep each pair once")
    return sparse.csr_matrix(
        (matrix.data.astype(np.float32, copy=False), matrix.indices, matrix.indptr),
        shape=matrix.shape,
    )


def _check_ids(matrix: sparse.csr_matrix) -> None:
    outside = (matrix.indices < 0) | (matrix.indices >= matrix.shape[1])
    if outside.any():
        user, item = _pair(matrix, int(np.argmax(outside)))
        raise InputError(
            f"user {user} has item {item}, but items are 0 to {matrix.shape[1] - 1}: make the "
            "matrix wider or mend the id"
        )
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"not a matrix in CSR form: {error}") from error


def _pair(matrix: sparse.csr_matrix, entry: int) -> tuple[int, int]:
    """User and item of an entry, by its place in `indices`."""
    user = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
    return user, int(matrix.indices[entry])
