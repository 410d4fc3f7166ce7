"""Draws of Bayesian matrix factorisation, compiled: the same for a seed whatever the threads."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from offline.jit import compiled

Floats = NDArray[np.float32]
Ints = NDArray[Any]


@compiled(parallel=True, fastmath=True)
def draw_vectors(
    indptr: Ints,
    others: Ints,
    values: Floats,
    offsets: Floats,
    vectors: Floats,
    prior: Floats,
    pull: Floats,
    alpha: np.float32,
    noise: Floats,
    out: Floats,
) -> None:
    """Draw every row's vector given the other side's: normal, by Cholesky.

    Row r has the ratings values[indptr[r]:indptr[r + 1]] of the others' rows `others`, whose
    `vectors` have shape (n, d), d a multiple of 8 with columns of 0 at the end, and `offsets` to
    be taken off ratings. `prior` (d, d): precision; `pull` (n_rows, d): precision times mean of
    each row; `alpha`: precision of a rating. `noise` (n_rows, d): standard normal numbers. Writes
    `out`, shape (n_rows, d). All float32.
    """
    n, d = out.shape
    for r in numba.prange(n):
        a = prior.copy()
        b = pull[r].copy()
        at, end = indptr[r], indptr[r + 1]
        while at + 4 <= end:
            x0, x1 = vectors[others[at]], vectors[others[at + 1]]
            x2, x3 = vectors[others[at + 2]], vectors[others[at + 3]]
            t0 = alpha * (values[at] - offsets[others[at]])
            t1 = alpha * (values[at + 1] - offsets[others[at + 1]])
            t2 = alpha * (values[at + 2] - offsets[others[at + 2]])
            t3 = alpha * (values[at + 3] - offsets[others[at + 3]])
            for f in range(d):
                b[f] += t0 * x0[f] + t1 * x1[f] + t2 * x2[f] + t3 * x3[f]
                c0, c1, c2, c3 = alpha * x0[f], alpha * x1[f], alpha * x2[f], alpha * x3[f]
                row = a[f]
                for g in range((f // 8 + 1) * 8):  # the lower triangle, in whole registers
                    row[g] += c0 * x0[g] + c1 * x1[g] + c2 * x2[g] + c3 * x3[g]
            at += 4
        while at < end:
            x0 = vectors[others[at]]
            t0 = alpha * (values[at] - offsets[others[at]])
            for f in range(d):
                b[f] += t0 * x0[f]
                c0 = alpha * x0[f]
                row = a[f]
                for g in range((f // 8 + 1) * 8):
                    row[g] += c0 * x0[g]
            at += 1
        _draw(a, b, noise[r], out[r])


@compiled(fastmath=True)
def _draw(
    a: Floats,
    b: Floats,
    noise: Floats,
    out: Floats,
) -> None:
    """out = A^-1 b + L^-T noise, with A = L L^T; `a` and `b` are overwritten."""
    d = len(b)
    for j in range(d):
        row = a[j]
        total = row[j]
        for f in range(j):
            total -= row[f] * row[f]
        root = np.sqrt(total)
        row[j] = root
        for i in range(j + 1, d):
            other = a[i]
            total = other[j]
            for f in range(j):
                total -= other[f] * row[f]
            other[j] = total / root
    for i in range(d):
        row = a[i]
        total = b[i]
        for f in range(i):
            total -= row[f] * b[f]
        b[i] = total / row[i]
    for i in range(d):
        out[i] = b[i] + noise[i]
    for i in range(d - 1, -1, -1):
        row = a[i]
        value = out[i] / row[i]
        out[i] = value
        for f in range(i):
            out[f] -= row[f] * value


@compiled(parallel=True, fastmath=True)
def squared_errors(
    indptr: Ints,
    items: Ints,
    values: Floats,
    users: Floats,
    vectors: Floats,
    offsets: Floats,
    found: NDArray[np.float64],
) -> None:
    """Each user's sum of squared errors of users @ vectors + offsets, into `found`, float64."""
    d = users.shape[1]
    for u in numba.prange(len(indptr) - 1):
        total = 0.0
        row = users[u]
        for at in range(indptr[u], indptr[u + 1]):
            other = vectors[items[at]]
            e = values[at] - offsets[items[at]]
            for f in range(d):
                e -= row[f] * other[f]
            total += e * e
        found[u] = total
