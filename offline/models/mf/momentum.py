"""Mini-batch gradient descent with momentum over ratings, compiled: sparse, as in TensorFlow 1.

Each step draws a batch of ratings with replacement. The gradients of its loss,
Σ (r − r̂)² + λ (|p|² + |q|² + b_u² + b_i²), are summed over the batch, and momentum moves the rows
that the batch has touched. r̂ is mean + b_u + b_i + p_u · q_i; with implicit factors y, p_u is
f_u Σ y_j over a list of the user's items instead.

Rows are padded, and have the biases in them: a user's is [p, b_u, 1, 0 ...], an item's
[q, 1, b_i, 0 ...], so that their product is all but the mean.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.jit import compiled

Floats = NDArray[np.float32]
Ints = NDArray[Any]


@compiled(fastmath=True, nogil=True)
def momentum_steps(  # noqa: PLR0913  # a kernel takes what it changes
    steps: int,
    batch: int,
    pairs: Ints,
    values: Floats,
    mean: np.float32,
    k: int,
    p: Floats,
    q: Floats,
    y: Floats,
    moving: tuple[Floats, Floats, Floats],
    lists: Ints,
    list_ptr: Ints,
    norms: Floats,
    rate: np.float32,
    momentum: np.float32,
    reg: np.float32,
    state: Ints,
) -> float:
    """Do some steps; returns the root mean square error of the last batch before its update.

    pairs, values: user and item of each rating, shape (n, 2), and the rating. k: factors, of which
    p and q have k + 2 columns or more. y: rows like q's, of which the first k columns count, or of
    shape (0, width). moving: arrays like p, q and y, with what moves each row. state: that of the
    random numbers, shape (1,), uint64, not 0. p, q, y, moving and state are changed in place.
    """
    vp, vq, vy = moving
    width = q.shape[1]
    implicit = y.shape[0] > 0
    seen_u, seen_i = np.zeros(len(p), np.bool_), np.zeros(len(q), np.bool_)
    seen_y = np.zeros(len(y), np.bool_)
    list_u, list_i = np.empty(batch, np.int64), np.empty(batch, np.int64)
    list_y = np.empty(len(y), np.int64)
    us, its = np.empty(batch, np.uint32), np.empty(batch, np.uint32)
    rs, gz = np.empty(batch, np.float32), np.zeros((len(y) and len(p), k), np.float32)
    two, one, zero = np.float32(2), np.float32(1), np.float32(0)
    pull = two * reg
    total, n = 0.0, np.uint64(len(values))
    x = state[0]
    for _ in range(steps):
        # First all reads from far apart, which need not wait for each other.
        for at in range(batch):
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
            entry = ((x >> np.uint64(32)) * n) >> np.uint64(32)
            us[at], its[at] = pairs[entry, 0], pairs[entry, 1]
            rs[at] = values[entry] - mean
        n_u, n_i, n_y, total = 0, 0, 0, 0.0
        for at in range(batch):
            u, i = us[at], its[at]
            pu, qi, vu, vi = p[u], q[i], vp[u], vq[i]
            if not seen_u[u]:
                seen_u[u] = True
                list_u[n_u] = u
                n_u += 1
                for f in range(width):
                    vu[f] *= momentum
                if implicit:
                    pu[:k] = zero
                    for j in range(list_ptr[u], list_ptr[u + 1]):
                        row = y[lists[j]]
                        for f in range(k):
                            pu[f] += row[f]
                    for f in range(k):
                        pu[f] *= norms[u]
            if not seen_i[i]:
                seen_i[i] = True
                list_i[n_i] = i
                n_i += 1
                for f in range(width):
                    vi[f] *= momentum
            dot = zero
            for f in range(width):
                dot += pu[f] * qi[f]
            e = rs[at] - dot
            total += e * e
            e *= two
            for f in range(width):
                vu[f] += pull * pu[f] - e * qi[f]
                vi[f] += pull * qi[f] - e * pu[f]
            if implicit:
                gu = gz[u]
                for f in range(k):
                    gu[f] += pull * pu[f] - e * qi[f]
        for at in range(n_u):
            u = list_u[at]
            seen_u[u] = False
            vu, pu = vp[u], p[u]
            for f in range(width):
                pu[f] -= rate * vu[f]
            pu[k + 1] = one
            if implicit:
                gu = gz[u]
                for j in range(list_ptr[u], list_ptr[u + 1]):
                    i = lists[j]
                    row = vy[i]
                    if not seen_y[i]:
                        seen_y[i] = True
                        list_y[n_y] = i
                        n_y += 1
                        for f in range(k):
                            row[f] *= momentum
                    for f in range(k):
                        row[f] += norms[u] * gu[f]
                gu[:] = zero
        for at in range(n_i):
            i = list_i[at]
            seen_i[i] = False
            vi, qi = vq[i], q[i]
            for f in range(width):
                qi[f] -= rate * vi[f]
            qi[k] = one
        for at in range(n_y):
            i = list_y[at]
            seen_y[i] = False
            vi, yi = vy[i], y[i]
            for f in range(k):
                yi[f] -= rate * vi[f]
    state[0] = x
    return float(np.sqrt(total / batch))
