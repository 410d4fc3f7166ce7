"""Item-to-item neighbours from co-listening."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def cosine_neighbours(
    matrix: sparse.csr_matrix, k: int, least_in_common: int = 20
) -> NDArray[np.int64]:
    """The k nearest tracks of each track by cosine of their columns, best first.

    `matrix`: binary user × track. cos(a, b) = users of both / sqrt(users of a
    * users of b) (Sarwar et al., 2001). Tracks with fewer than
    `least_in_common` users in common are chance company: they count only for
    a track that has no better ones. Shape (n_tracks, k), padded with -1 where
    there are fewer; ties go to the smaller track id.
    """
    n_tracks = matrix.shape[1]
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    scale = np.zeros(n_tracks)
    np.divide(1.0, np.sqrt(counts), out=scale, where=counts > 0)
    columns = sparse.csr_matrix(matrix.T, dtype=np.float64)
    out = np.full((n_tracks, k), -1, dtype=np.int64)
    # Blocks bound the memory: a popular track shares a user with nearly all.
    for start in range(0, n_tracks, 1024):
        together = (columns[start : start + 1024] @ matrix).tocsr()
        together.sort_indices()
        for i in range(together.shape[0]):
            row = slice(together.indptr[i], together.indptr[i + 1])
            others, common = together.indices[row], together.data[row]
            company = others != start + i
            if (company & (common >= least_in_common)).any():
                company &= common >= least_in_common
            others, score = others[company], (common * scale[others])[company]
            near = others[np.argsort(-score, kind="stable")[:k]]
            out[start + i, : len(near)] = near
    return out
