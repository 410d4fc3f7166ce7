"""Item-to-item neighbours from co-listening."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.models.base import Recommender
from offline.models.top_n import TopN

_COUNTS = 2**25
"""Most pairs of tracks that are counted at a time; those that share a user take memory."""
_AT_ONCE = 4096
"""Items whose similar ones are asked of a model at a time."""
_ENTRIES = 2**22
"""Most interactions that are read at a time; one user's are always read together."""


def cosine_neighbours(
    matrix: sparse.csr_matrix, k: int, least_in_common: int = 20
) -> NDArray[np.int64]:
    """The k nearest tracks of each track by the cosine of their columns (Sarwar et al., 2001).

    cos(a, b) = users of both / sqrt(users of a × users of b).

    Parameters
    ----------
    matrix : csr_matrix, shape (n_users, n_tracks)
        Binary: each user's likes.
    k : int
        How many neighbours.
    least_in_common : int, default 20
        Tracks with fewer users in common are likely to be neighbours by chance: they count only
        for a track that has no better ones.

    Returns
    -------
    array of int64, shape (n_tracks, k)
        Best first, ties by the smaller track id; padded with -1.

    Examples
    --------
    >>> from scipy import sparse
    >>> from offline import cosine_neighbours
    >>> matrix = sparse.csr_matrix([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype="float32")
    >>> cosine_neighbours(matrix, k=2)
    array([[ 1, -1],
           [ 0,  2],
           [ 1, -1]])
    """
    near = Neighbours(InteractionMatrix.of(matrix), k, least_in_common)
    blocks = [near.of(part).ids for part in near.blocks()]
    return np.concatenate(blocks) if blocks else np.empty((0, k), dtype=np.int64)


class NearItems(Protocol):
    """Neighbours of all items, some items at a time."""

    @property
    def n_items(self) -> int:
        """Items, whether they have neighbours or not."""

    def blocks(self) -> Iterator[slice]:
        """All items, in parts that fit into memory."""

    def of(self, tracks: slice) -> TopN:
        """The neighbours of some items, best first."""


class ModelNeighbours:
    """A model's own similar items, of those that have any: a score above 0."""

    def __init__(self, model: Recommender, k: int) -> None:
        self._model, self._k = model, k

    @property
    def n_items(self) -> int:
        """Items, whether they have neighbours or not."""
        return len(self._model.popularity)

    def blocks(self) -> Iterator[slice]:
        """All items, in parts that fit into memory."""
        for at in range(0, self.n_items, _AT_ONCE):
            yield slice(at, min(at + _AT_ONCE, self.n_items))

    def of(self, tracks: slice) -> TopN:
        """The k most similar of some items."""
        found = self._model.similar_items(np.arange(tracks.start, tracks.stop), self._k)
        none = ~(found.scores > 0)
        return TopN(np.where(none, -1, found.ids), np.where(none, -np.inf, found.scores))


class Neighbours:
    """The same for some tracks at a time, in memory that the number of users does not change."""

    def __init__(self, histories: InteractionMatrix, k: int, least_in_common: int = 20) -> None:
        self._histories, self._k, self._least = histories, k, least_in_common
        users = histories.popularity()
        # The users of the track itself change nothing in the order of its neighbours.
        self._scale = np.zeros(histories.n_tracks)
        np.divide(1.0, np.sqrt(users), out=self._scale, where=users > 0)

    @property
    def n_items(self) -> int:
        """Items, whether they have neighbours or not."""
        return self._histories.n_tracks

    def blocks(self) -> Iterator[slice]:
        """All tracks, in parts that fit into memory."""
        n_tracks = self._histories.n_tracks
        size = max(1, _COUNTS // max(1, n_tracks))
        for at in range(0, n_tracks, size):
            yield slice(at, min(at + size, n_tracks))

    def of(self, tracks: slice) -> TopN:
        """Rows `tracks` of the result of `cosine_neighbours`, and the cosines."""
        in_common = self._in_common(tracks)
        shape = tracks.stop - tracks.start, self._k
        out = TopN(np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32))
        for row, track in enumerate(range(tracks.start, tracks.stop)):
            entries = slice(in_common.indptr[row], in_common.indptr[row + 1])
            others, common = in_common.indices[entries], in_common.data[entries]
            company = others != track
            enough = company & (common >= self._least)
            company = enough if enough.any() else company
            others, score = others[company], common[company] * self._scale[others[company]]
            if len(score) > self._k:
                kept = score >= np.partition(score, -self._k)[-self._k]
                others, score = others[kept], score[kept]
            order = np.lexsort((others, -score))[: self._k]
            out.ids[row, : len(order)] = others[order]
            out.scores[row, : len(order)] = score[order] * self._scale[track]
        return out

    def _in_common(self, tracks: slice) -> sparse.csr_matrix:
        """How many users have both, shape (len(tracks), n_tracks)."""
        # In float32, as users' rows are: exact up to 16 million users.
        first, *others = _parts(self._histories.indptr)
        found = self._together(first, tracks)
        for users in others:
            found = found + self._together(users, tracks)
        return found

    def _together(self, users: slice, tracks: slice) -> sparse.csr_matrix:
        """The same, of some users alone."""
        part = self._histories.take(np.arange(users.start, users.stop))
        return sparse.csr_matrix(part[:, tracks].T) @ part


def _parts(indptr: NDArray[np.int64] | NDArray[np.int32]) -> Iterator[slice]:
    """All users, in runs with no more than `_ENTRIES` interactions together; one run at least."""
    at, n_users = 0, len(indptr) - 1
    while True:
        end = int(np.searchsorted(indptr, int(indptr[at]) + _ENTRIES, side="right")) - 1
        end = min(max(end, at + 1), n_users)
        yield slice(at, end)
        if end == n_users:
            return
        at = end
