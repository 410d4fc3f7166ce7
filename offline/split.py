"""Which interactions are held out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.errors import InputError


class Split(NamedTuple):
    """Two matrices of the shape of the whole, which together give the whole.

    `held_out` has entries in the rows of the chosen users only.
    """

    train: sparse.csr_matrix
    held_out: sparse.csr_matrix


def split_interactions(
    matrix: sparse.csr_matrix, users: float, share: float, rng: np.random.Generator
) -> Split:
    """Hold out a `share` of the interactions of a share `users` of the users.

    Only users with two or more interactions can be chosen; each of them keeps
    at least one and gives at least one. Raises InputError where there are none.
    """
    counts = np.diff(matrix.indptr)
    able = np.flatnonzero(counts >= 2)
    if not len(able):
        raise InputError(
            "no user has two interactions, so none can be held out: collect more sessions"
        )
    chosen = rng.choice(able, size=max(1, round(users * len(able))), replace=False)
    held = np.zeros(matrix.nnz, dtype=np.bool_)
    for row in np.sort(chosen).tolist():
        n = min(max(1, round(share * counts[row])), counts[row] - 1)
        held[matrix.indptr[row] + rng.choice(counts[row], size=n, replace=False)] = True
    return Split(_where(matrix, ~held), _where(matrix, held))


def _where(matrix: sparse.csr_matrix, mask: NDArray[np.bool_]) -> sparse.csr_matrix:
    before = np.concatenate([[0], np.cumsum(mask)])
    return sparse.csr_matrix(
        (matrix.data[mask], matrix.indices[mask], before[matrix.indptr]), shape=matrix.shape
    )
