"""The nearest neighbours of each row by cosine, a block of rows at a time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from offline.models.top_n import best_n

_CELLS = 2**20
"""Of a block of cosines: 8 MiB in float64, besides copies."""
DECIMALS = 6
"""That cosines are rounded to before they are compared, so that equal ones tie."""

Vectors = NDArray[np.float64] | sparse.csr_matrix


class Neighbours(NamedTuple):
    """Pairs of a row and one of its nearest; by row, then the largest cosine, then column."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    """Cosines above 0, of `DECIMALS` decimals."""


def nearest(
    vectors: Vectors, n: int, progress: Callable[[int], object] = lambda rows: None
) -> Neighbours:
    """The `n` rows that have the largest cosine with each row, whichever of both comes first.

    Parameters
    ----------
    vectors : array or csr_matrix of float64, shape (rows, k)
        A row of zeros has no neighbours.
    n : int
        At most so many for each row; cosines of 0 and below are left out.
    progress : callable, optional
        Called after each block with the number of its rows.

    Returns
    -------
    Neighbours
        The same on any number of cores.

    Examples
    --------
    >>> import numpy as np
    >>> from offline.similarity.nearest import nearest
    >>> found = nearest(np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 1.0], [0.0, -1.0]]), 1)
    >>> list(zip(found.rows.tolist(), found.columns.tolist(), found.values.tolist()))
    [(0, 1, 1.0), (1, 0, 1.0), (2, 0, 0.707107)]
    """
    unit = _unit(vectors)
    count = int(unit.shape[0])
    height = max(1, _CELLS // max(count, 1))
    other = unit.T.tocsc() if sparse.issparse(unit) else unit.T
    parts: list[Neighbours] = []
    # A sum is taken in another order on another number of threads.
    with threadpool_limits(1):
        for at in range(0, count, height):
            product = unit[at : at + height] @ other
            block = product.toarray() if sparse.issparse(product) else product
            parts.append(_best(block, at, n))
            progress(len(block))
    if not parts:
        return Neighbours(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Neighbours(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _unit(vectors: Vectors) -> Vectors:
    if sparse.issparse(vectors):
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    else:
        lengths = np.sqrt(np.einsum("rk,rk->r", vectors, vectors))
    # What is left of a row that centring made 0 is rounding, without a direction.
    usable = lengths > 1e-9 * max(float(lengths.max(initial=0)), 1e-300)
    scale = np.zeros(len(lengths))
    scale[usable] = 1 / lengths[usable]
    if sparse.issparse(vectors):
        return sparse.csr_matrix(sparse.diags(scale) @ vectors)
    found: NDArray[np.float64] = vectors * scale[:, None]
    return found


def _best(block: NDArray[np.float64], at: int, n: int) -> Neighbours:
    scores = block.round(DECIMALS).astype(np.float32)
    scores[scores <= 0] = -np.inf
    own = np.arange(len(scores))
    scores[own, at + own] = -np.inf
    found = best_n(scores, n)
    row, place = np.nonzero(found.ids >= 0)
    values = found.scores[row, place].astype(np.float64).round(DECIMALS)
    return Neighbours(at + row, found.ids[row, place], values)
