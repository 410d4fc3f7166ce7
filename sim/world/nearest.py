"""The nearest tracks by inner product, exactly, for many tastes at once."""

import heapq

import numpy as np
from numpy.typing import NDArray

from sim.jit import compiled
from sim.listener import affinity


def nearest(
    embeddings: NDArray[np.float32], queries: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """The k tracks with the largest inner product with each query row, best first.

    Shape (len(queries), k); ties go to the smaller track id. Inner products
    are those of `sim.listener.affinity`, so the result does not depend on how a
    matrix product is computed: the one in float32 only finds candidates.
    """
    out = np.empty((len(queries), k), dtype=np.int64)
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    # The error of a sum of d products in float32 is below this, in whatever order it is taken.
    error = 2.0**-22 * embeddings.shape[1] * norms[queries] * norms.max()
    block = max(1, 2**23 // len(embeddings))
    width = len(embeddings) // _HEIGHT
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        scores = embeddings[queries[rows]] @ embeddings.T
        # Each row as a table, and the maximum of its columns: most columns can be skipped.
        tables = scores[:, : width * _HEIGHT].reshape(len(scores), _HEIGHT, width)
        _select(embeddings, queries[rows], scores, tables.max(axis=1), error[rows], out[rows])
    return out


_HEIGHT = 64


@compiled
def _select(
    embeddings: NDArray[np.float32],
    queries: NDArray[np.int64],
    scores: NDArray[np.float32],
    columns: NDArray[np.float32],
    error: NDArray[np.float64],
    out: NDArray[np.int64],
) -> None:
    k, n_tracks, width = out.shape[1], scores.shape[1], columns.shape[1]
    near = np.empty(n_tracks, np.int64)
    for i in range(len(queries)):
        row = scores[i]
        best = [row[j] for j in range(k)]
        heapq.heapify(best)
        worst = best[0]
        for column in range(width):
            if columns[i, column] > worst:
                for j in range(column, width * _HEIGHT, width):
                    if j >= k and row[j] > worst:
                        heapq.heapreplace(best, row[j])
                        worst = best[0]
        for j in range(max(k, width * _HEIGHT), n_tracks):
            if row[j] > worst:
                heapq.heapreplace(best, row[j])
                worst = best[0]
        # Every track that may be among the k best by exact scores.
        bar, n = worst - 2.0 * error[i], 0
        for column in range(width):
            if columns[i, column] >= bar:
                for j in range(column, width * _HEIGHT, width):
                    if row[j] >= bar:
                        near[n] = j
                        n += 1
        for j in range(width * _HEIGHT, n_tracks):
            if row[j] >= bar:
                near[n] = j
                n += 1
        candidates = np.sort(near[:n])
        away = np.empty(n)
        for j in range(n):
            away[j] = -affinity(embeddings, candidates[j], queries[i])
        order = np.argsort(away, kind="mergesort")
        for j in range(k):
            out[i, j] = candidates[order[j]]
