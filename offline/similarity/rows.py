"""The scores that a site's rows of recommendations rank by. Pure functions of sparse matrices."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.models.top_n import UNWANTED
from offline.similarity.nearest import Neighbours

Scores = NDArray[np.float32]
MINIMUM, LIFT = 3, 2.0
LADDER = 20
"""Ratings from which a person gets the collaborative row, and popular items below."""


def popular(ratings: sparse.csr_matrix, liked: float) -> Scores:
    """How often each item was rated `liked` or more; shape (n_items,)."""
    items = ratings.indices[ratings.data >= liked]
    return np.bincount(items, minlength=ratings.shape[1]).astype(np.float32)


def centred(ratings: sparse.csr_matrix) -> sparse.csr_matrix:
    """Ratings less their user's mean; a difference of 0 stays stored."""
    sizes = np.diff(ratings.indptr)
    sums = np.bincount(np.repeat(np.arange(len(sizes)), sizes), ratings.data, len(sizes))
    means = sums / np.maximum(sizes, 1)
    data = ratings.data - np.repeat(means, sizes)
    return sparse.csr_matrix((data, ratings.indices, ratings.indptr), shape=ratings.shape)


def collaborative(
    ratings: sparse.csr_matrix,
    near: Neighbours,
    users: NDArray[np.int64],
    liked: float,
    minimum: int = MINIMUM,
    lift: float = LIFT,
) -> Scores:
    """How well the nearest users rated each item, times how popular it is.

    The sum over those v who rated i of s(u, v) · (r(v, i) - mean of v + lift), not below 0, times
    log(1 + likes of i)².

    Parameters
    ----------
    ratings : csr_matrix, shape (n_users, n_items)
    near : Neighbours
        Of users, by their rows of `ratings`.
    users : array of int64, shape (m,)
    liked : float
        The rating from which an item is liked.
    minimum : int
        An item that fewer of the nearest users rated is not in the row: `UNWANTED`.
    lift : float
        What being rated at all counts for, in ratings.

    Returns
    -------
    array of float32, shape (m, n_items)
    """
    n = ratings.shape[0]
    similar = sparse.csr_matrix((near.values, (near.rows, near.columns)), shape=(n, n))[users]
    lifted = centred(ratings)
    lifted.data = lifted.data + lift
    rated = sparse.csr_matrix(
        (np.ones(ratings.nnz), ratings.indices, ratings.indptr), shape=ratings.shape
    )
    sums = np.maximum((similar @ lifted).toarray(), 0)
    scores: Scores = (sums * np.log1p(popular(ratings, liked)) ** 2).astype(np.float32)
    similar.data = np.ones(similar.nnz)
    scores[(similar @ rated).toarray() < minimum] = UNWANTED
    return scores


def profile(
    ratings: sparse.csr_matrix,
    tags: sparse.csr_matrix,
    users: NDArray[np.int64],
    liked: float,
    lift: float = LIFT,
    weight: float = 2.0,
) -> Scores:
    """How well an item's tags fit those of what a user rated well, times how popular it is.

    The weight of a tag is the sum of `rating - mean + lift` of the user's items that have it; an
    item's fit is the cosine of its tags with these weights, not below 0, and its popularity
    (1 + likes)^`weight`. `tags` is item × tag, from `tag_vectors`.
    Gives shape (len(users), n_items).
    """
    lengths = np.sqrt(np.asarray(tags.multiply(tags).sum(axis=1)).ravel())
    unit = sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ tags
    lifted = centred(ratings)[users]
    lifted.data = lifted.data + lift
    weights = (lifted @ unit).toarray()
    norms = np.linalg.norm(weights, axis=1, keepdims=True)
    fit = (weights / np.where(norms > 0, norms, 1)) @ unit.T.toarray()
    found: Scores = (np.maximum(fit, 0) * (1 + popular(ratings, liked)) ** weight).astype(
        np.float32
    )
    return found
