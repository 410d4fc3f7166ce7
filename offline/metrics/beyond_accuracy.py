"""What lists are like, whether or not they are right: breadth, novelty, popularity, variety.

In all of these `lists` are item ids, shape (n_users, k), -1 where a list has ended, and
`popularity` is how many users liked each item in training, shape (n_items,).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def coverage(lists: NDArray[np.int64], n_items: int) -> float:
    """Share of the catalog that is in at least one list."""
    return float(len(np.unique(lists[lists >= 0])) / n_items)


def exposure_gini(lists: NDArray[np.int64], n_items: int) -> float:
    """Gini coefficient of how often each item is listed: 0 is all alike, 1 is one item alone.

    Over the whole catalog, items that are never listed included.
    """
    shown = np.sort(np.bincount(lists[lists >= 0], minlength=n_items))
    if not shown.sum():
        return 0.0
    ranks = np.arange(1, n_items + 1)
    return float((2 * ranks - n_items - 1) @ shown / (n_items * shown.sum()))


def novelty(
    lists: NDArray[np.int64], popularity: NDArray[np.int64], n_users: int
) -> NDArray[np.float64]:
    """Mean self-information of each list's items, in bits (Zhou et al., PNAS 2010).

    -log2 of the share of the `n_users` training users who liked the item; one without likes
    counts as one that a single user did. NaN for an empty list.
    """
    return _mean(-np.log2(np.maximum(popularity, 1) / n_users), lists)


def average_popularity(
    lists: NDArray[np.int64], popularity: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean number of training users of each list's items (Yin et al., VLDB 2012)."""
    return _mean(popularity.astype(np.float64), lists)


def artist_diversity(lists: NDArray[np.int64], artists: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each list's pairs of items that are by different artists.

    Intra-list diversity (Ziegler et al., WWW 2005) with distance 0 within an artist and 1
    between two. `artists`: the artist of each item. NaN for a list of fewer than two items.
    """
    there = lists >= 0
    # Ended places get artists of their own, below all others, and so pair with nothing.
    own = np.where(there, artists[lists], artists.min() - 1 - np.arange(lists.shape[1]))
    own.sort(axis=1)
    # A run of n alike has n (n - 1) / 2 pairs: each item adds how many alike came before it.
    new_run = np.ones(own.shape, dtype=np.bool_)
    new_run[:, 1:] = own[:, 1:] != own[:, :-1]
    places = np.arange(own.shape[1])
    starts = np.maximum.accumulate(np.where(new_run, places, 0), axis=1)
    alike = (places - starts).sum(axis=1)
    sizes = there.sum(axis=1)
    pairs = sizes * (sizes - 1) / 2
    return 1.0 - _ratio(alike, pairs)


def _mean(values: NDArray[np.float64], lists: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the items' values in each list; NaN for an empty one."""
    there = lists >= 0
    return _ratio(np.where(there, values[lists], 0.0).sum(axis=1), there.sum(axis=1))


def _ratio(parts: NDArray[Any], wholes: NDArray[Any]) -> NDArray[np.float64]:
    """NaN where the whole is 0."""
    out = np.full(len(wholes), np.nan)
    np.divide(parts, wholes, out=out, where=wholes > 0)
    return out
