"""Stochastic gradient descent over ratings, one at a time, user by user: compiled.

The rating of item i by user u is mean + b_u + b_i + (p_u + z_u) · q_i, where z_u is
|R(u)|^-½ Σ y_j over the items that u has rated (Koren, KDD 2008, eq. 15). One pass takes users in
an order drawn by the seed, and each one's ratings from a place drawn by it.

Koren's step on a rating changes every y_j of the user by γ (|R|^-½ e q_i − λ y_j). All of a
user's z therefore moves by γ (c e q_i − λ z), with c = |R|^-1 |R| = 1, whatever the single y_j
are: so z is kept through the user's ratings, and the y_j get their due at the end. This is the
same step, for the cost of two passes over R(u) instead of one for each rating.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.jit import compiled

Floats = NDArray[np.float32]
Ints = NDArray[Any]

USE_P, NON_NEGATIVE, BIASED = 1, 2, 4
"""Bits of `flags`: p is learned; factors stay at 0 or above; biases are learned."""


@compiled(fastmath=True, nogil=True)
def sgd_pass(  # noqa: PLR0913  # a kernel takes what it changes
    order: Ints,
    starts: Ints,
    indptr: Ints,
    items: Ints,
    values: Floats,
    slots: Ints,
    mean: np.float32,
    bu: Floats,
    bi: Floats,
    bt: Floats,
    p: Floats,
    q: Floats,
    y: Floats,
    list_ptr: Ints,
    list_items: Ints,
    norms: Floats,
    rate: np.float32,
    reg: np.float32,
    reg_bias: np.float32,
    reg_y: np.float32,
    reg_time: np.float32,
    flags: int,
) -> float:
    """One pass over all ratings; returns the sum of squared errors met on the way.

    order: users, shape (n_users,). starts: where in a user's ratings to begin. indptr, items,
    values: the ratings in CSR form. slots: for each rating two rows of bt, the biases in time,
    shape (n, 2); empty where there are none. bu, bi: biases. p, q: factors of users and items. y:
    implicit factors of items, with list_ptr, list_items the R(u) in CSR form and norms |R(u)|^-½;
    of shape (0, k) where there are none. All floats are float32. Everything from bu to y is
    changed in place.
    """
    k = q.shape[1]
    timed, implicit = len(slots) > 0, y.shape[0] > 0
    use_p, positive, biased = (flags & 1) > 0, (flags & 2) > 0, (flags & 4) > 0
    one, nothing = np.float32(1), np.float32(0)
    keep, keep_y = one - rate * reg, one - rate * reg_y
    keep_bias, keep_time = one - rate * reg_bias, one - rate * reg_time
    z, w = np.zeros(k, np.float32), np.zeros(k, np.float32)
    before = np.zeros(k, np.float32)
    total = 0.0
    for at in range(len(order)):
        u = order[at]
        first, size = indptr[u], indptr[u + 1] - indptr[u]
        if size == 0:
            continue
        pu = p[u]
        share = nothing
        if implicit:
            z[:] = nothing
            for j in range(list_ptr[u], list_ptr[u + 1]):
                row = y[list_items[j]]
                for f in range(k):
                    z[f] += row[f]
            for f in range(k):
                z[f] *= norms[u]
                before[f] = z[f]
            share = norms[u] * norms[u] * np.float32(list_ptr[u + 1] - list_ptr[u])
        for f in range(k):
            w[f] = pu[f] + z[f]
        b = bu[u]
        for n in range(size):
            entry = first + (starts[u] + n) % size
            i = items[entry]
            qi = q[i]
            dot = nothing
            for f in range(k):
                dot += w[f] * qi[f]
            e = values[entry] - mean - dot
            if biased:
                e -= b + bi[i]
                if timed:
                    of_item, of_user = slots[entry, 0], slots[entry, 1]
                    e -= bt[of_item] + bt[of_user]
                    bt[of_item] = keep_time * bt[of_item] + rate * e
                    bt[of_user] = keep_time * bt[of_user] + rate * e
                b = keep_bias * b + rate * e
                bi[i] = keep_bias * bi[i] + rate * e
            total += e * e
            step = rate * e
            if positive:
                for f in range(k):
                    old = qi[f]
                    qi[f] = max(nothing, keep * old + step * w[f])
                    w[f] = max(nothing, keep * w[f] + step * old)
            elif not implicit:
                for f in range(k):
                    old = qi[f]
                    qi[f] = keep * old + step * w[f]
                    w[f] = keep * w[f] + step * old
            elif use_p:
                for f in range(k):
                    old = qi[f]
                    qi[f] = keep * old + step * w[f]
                    pu[f] = keep * pu[f] + step * old
                    z[f] = keep_y * z[f] + share * step * old
                    w[f] = pu[f] + z[f]
            else:
                for f in range(k):
                    old = qi[f]
                    qi[f] = keep * old + step * w[f]
                    w[f] = keep_y * w[f] + share * step * old
        bu[u] = b
        if not implicit:
            for f in range(k):
                pu[f] = w[f]
        elif share > nothing:
            if not use_p:
                for f in range(k):
                    z[f] = w[f]
            shrink = keep_y ** np.float32(size)
            for f in range(k):
                z[f] = norms[u] * (z[f] - shrink * before[f]) / share
            for j in range(list_ptr[u], list_ptr[u + 1]):
                row = y[list_items[j]]
                for f in range(k):
                    row[f] = shrink * row[f] + z[f]
    return total


@compiled(fastmath=True, nogil=True)
def implicit_sums(
    y: Floats,
    list_ptr: Ints,
    list_items: Ints,
    norms: Floats,
) -> Floats:
    """|R(u)|^-½ Σ y_j of each user, shape (n_users, k), float32."""
    n = len(list_ptr) - 1
    found = np.zeros((n, y.shape[1]), np.float32)
    for u in range(n):
        row = found[u]
        for j in range(list_ptr[u], list_ptr[u + 1]):
            other = y[list_items[j]]
            for f in range(y.shape[1]):
                row[f] += other[f]
        for f in range(y.shape[1]):
            row[f] *= norms[u]
    return found
