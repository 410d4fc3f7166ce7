"""Items similar to an item, by vectors or by scores."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.models.top_n import UNWANTED, TopN, best_n

_CELLS = 2**24
"""Similarities that are held at a time."""


def similar_by_vectors(
    vectors: NDArray[np.float32], known: NDArray[np.bool_], items: NDArray[np.int64], n: int
) -> TopN:
    """The n nearest of each item by the cosine of vectors, shape (n_items, d), itself left out.

    Items that are not `known`, a mask of shape (n_items,), are nobody's neighbours and have none.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    height = max(1, min(512, _CELLS // len(unit)))

    def scores(some: NDArray[np.int64]) -> NDArray[np.float32]:
        # Always as many rows: products of other shapes round in other ways.
        found: NDArray[np.float32] = unit[np.resize(some, height)] @ unit.T
        return found[: len(some)]

    return _lists(scores, known, items, n, height)


def similar_by_scores(
    scores_of: Callable[[sparse.csr_matrix], NDArray[np.float32]],
    known: NDArray[np.bool_],
    items: NDArray[np.int64],
    n: int,
    height: int,
) -> TopN:
    """The same by the scores of users who liked one item each, `height` of them at a time."""

    def scores(some: NDArray[np.int64]) -> NDArray[np.float32]:
        ones = np.ones(len(some), np.float32)
        shape = len(some), len(known)
        return scores_of(sparse.csr_matrix((ones, some, np.arange(len(some) + 1)), shape=shape))

    return _lists(scores, known, items, n, height)


def _lists(
    scores_of: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    known: NDArray[np.bool_],
    items: NDArray[np.int64],
    n: int,
    height: int,
) -> TopN:
    out = TopN(np.empty((len(items), n), np.int64), np.empty((len(items), n), np.float32))
    for at in range(0, len(items), height):
        some = items[at : at + height]
        scores = np.require(scores_of(some), np.float32, ["C", "W"])
        scores[:, ~known] = UNWANTED
        scores[~known[some]] = UNWANTED
        scores[np.arange(len(some)), some] = UNWANTED
        out.ids[at : at + height], out.scores[at : at + height] = best_n(scores, n)
    return out
