"""A sparse matrix times a dense one, on all cores."""

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.jit import compiled


def multiply(
    matrix: sparse.csr_matrix, dense: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`out` = matrix @ dense, in float32: `dense` (columns, b) and `out` (rows, b) in C order.

    SciPy's own product runs on one core, and MKL's was half as fast. Each row is summed in the
    order of its entries, so the result does not depend on the number of threads.
    """
    _multiply(matrix.indptr, matrix.indices, matrix.data, dense, out)
    return out


@compiled(parallel=True, fastmath=True)
def _multiply(indptr, indices, data, dense, out):  # type: ignore[no-untyped-def]
    for row in numba.prange(len(indptr) - 1):
        total = out[row]
        total[:] = 0
        for entry in range(indptr[row], indptr[row + 1]):
            weight = data[entry]
            values = dense[indices[entry]]
            for column in range(len(total)):
                total[column] += weight * values[column]
