"""Counts, for each item, the items that the same visitors came to near it in time."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from offline.jit import compiled

_BLOCKS = 64
"""Of items, at least: between two of them the bar moves."""


class Trail(NamedTuple):
    """Events by user, then time; arrays of one length."""

    item: NDArray[np.int64]
    user: NDArray[np.int64]
    session: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    weight: NDArray[np.float32]
    """Of the event in every pair that it is in."""


class Rule(NamedTuple):
    """Which pairs count, and how much."""

    window_ms: int
    """Two events further apart are no pair."""
    by_distance: NDArray[np.float32]
    """Weight of a pair by the places between its events, from 1; beyond the last there is none."""
    across: float
    """Factor where the two are of different sessions."""
    backward: float
    """Factor where the neighbour came first."""


def neighbours(
    trail: Trail,
    n_items: int,
    rule: Rule,
    k: int,
    exponents: tuple[float, float],
    progress: bool = False,
) -> sparse.csr_matrix:
    """The k best neighbours of each item, shape (n_items, n_items), itself possibly among them.

    A session counts a pair once, by its largest weight. The sum is divided by n(item) ** x and
    n(neighbour) ** y, where n is the number of sessions with the item and (x, y) `exponents`.
    Memory: that of the events and of the result; the same with any number of threads.
    """
    order = np.argsort(trail.item, kind="stable")
    starts = np.searchsorted(trail.item[order], np.arange(n_items + 1))
    keys = np.unique(trail.session * n_items + trail.item)
    sessions = np.bincount(keys % n_items, minlength=n_items).astype(np.float64)
    scale = np.maximum(sessions, 1)
    own, other = scale ** -exponents[0], scale ** -exponents[1]
    ids = np.full((n_items, k), -1, np.int32)
    scores = np.zeros((n_items, k), np.float32)
    step = max(1, min(2**14, n_items // _BLOCKS))
    with tqdm(total=n_items, unit=" items", unit_scale=True, disable=not progress) as bar:
        for at in range(0, n_items, step):
            end = min(at + step, n_items)
            _count(at, end, order, starts, *trail, *rule, own, other, ids[at:end], scores[at:end])
            bar.update(end - at)
    there = ids >= 0
    bounds = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    found = sparse.csr_matrix((scores[there], ids[there], bounds), shape=(n_items, n_items))
    found.sort_indices()
    return found


@compiled(parallel=True)
def _count(
    first: int,
    end: int,
    order: NDArray[Any],
    starts: NDArray[Any],
    item: NDArray[Any],
    user: NDArray[Any],
    session: NDArray[Any],
    timestamp: NDArray[Any],
    weight: NDArray[Any],
    window: int,
    by_distance: NDArray[Any],
    across: float,
    backward: float,
    own: NDArray[Any],
    other: NDArray[Any],
    ids: NDArray[Any],
    scores: NDArray[Any],
) -> None:
    n_items, n_events, reach = len(own), len(item), len(by_distance)
    parts = 8
    for part in numba.prange(parts):
        total = np.zeros(n_items, np.float64)
        best = np.zeros(n_items, np.float64)
        touched = np.empty(n_items, np.int64)
        here = np.empty(n_items, np.int64)
        for a in range(first + part, end, parts):
            n_touched, n_here = 0, 0
            for place in range(starts[a], starts[a + 1]):
                e = order[place]
                for sign in (1, -1):
                    f, distance = e, 0
                    while True:
                        f += sign
                        distance += 1
                        if f < 0 or f >= n_events or user[f] != user[e]:
                            break
                        # Nothing lies between events of one time, and neither came first.
                        at_once = timestamp[f] == timestamp[e]
                        if at_once:
                            distance = 1
                        elif distance > reach or abs(timestamp[f] - timestamp[e]) > window:
                            break
                        w = by_distance[distance - 1] * weight[e] * weight[f]
                        if sign < 0 and not at_once:
                            if backward == 0.0:
                                break
                            w *= backward
                        if session[f] != session[e]:
                            w *= across
                        if w == 0.0:
                            continue
                        b = item[f]
                        if best[b] == 0.0:
                            here[n_here] = b
                            n_here += 1
                        if w > best[b]:
                            best[b] = w
                ends = place + 1 == starts[a + 1] or session[order[place + 1]] != session[e]
                if ends:
                    for i in range(n_here):
                        b = here[i]
                        if total[b] == 0.0:
                            touched[n_touched] = b
                            n_touched += 1
                        total[b] += best[b]
                        best[b] = 0.0
                    n_here = 0
            some = np.sort(touched[:n_touched])
            values = np.empty(n_touched, np.float64)
            for i in range(n_touched):
                values[i] = -total[some[i]] * own[a] * other[some[i]]
                total[some[i]] = 0.0
            ranked = np.argsort(values, kind="mergesort")
            for i in range(min(ids.shape[1], n_touched)):
                ids[a - first, i] = some[ranked[i]]
                scores[a - first, i] = -values[ranked[i]]
