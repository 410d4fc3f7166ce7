"""Lists for sessions, on the assumption that a session stays in one of the user's tastes."""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats
from offline.errors import InputError
from offline.lists.greedy import greedy_list
from offline.lists.maker import ListMaker
from offline.models.base import Recommender
from offline.models.taste_scores import LIKE_SHIFT, LIKE_SLOPE
from offline.models.top_n import TopN, leave_out, top_n
from offline.tastes import MAX_TASTES, Taste, UserTastes

CANDIDATES = 150
"""Of each taste, unless lists are longer. 60 lose 1.5 % of session time, 300 gain nothing."""
_BATCH = 256


def by_session(
    model: Recommender,
    histories: InteractionMatrix,
    stats: SessionStats,
    artists: NDArray[np.int64],
    length: int,
    unseen: bool = False,
) -> ListMaker:
    """Lists by `greedy_list` over the best tracks of each of a user's tastes.

    The model scores each taste alone, as if its tracks were all that a user liked. `artists`: a
    number for each track's artist, shape (n_tracks,). `unseen`: leave out what the user liked.
    Raises InputError for a model without vectors of items.
    """
    made = _BySession(model, histories, stats, artists, length, unseen)
    digest = hashlib.sha256(np.ascontiguousarray(artists, dtype=np.int64).data).hexdigest()
    recipe = (
        f"by sessions: patience {stats.patience!r}, discount {stats.artist_discount!r}, "
        f"artists {digest}{', unseen' if unseen else ''}"
    )
    return ListMaker(recipe, made.of)


class _BySession:
    def __init__(
        self,
        model: Recommender,
        histories: InteractionMatrix,
        stats: SessionStats,
        artists: NDArray[np.int64],
        length: int,
        unseen: bool,
    ) -> None:
        self._model, self._histories, self._stats = model, histories, stats
        self._length, self._unseen = length, unseen
        self._known = np.flatnonzero(model.known_items)
        self._artists = artists[self._known]
        vectors = model.item_vectors
        if vectors is None:
            raise InputError(
                f"{model.name} has no vectors of tracks, which lists by session group a user's "
                "tracks by: --lists score, or a model that has them"
            )
        self._tastes = UserTastes(self._known, vectors[self._known], histories, stats)

    def of(self, rows: NDArray[np.int64]) -> TopN:
        """Lists of some rows, padded with -1; their order is not one of scores."""
        out = np.full((len(rows), self._length), -1, dtype=np.int64)
        users = [self._tastes.of(row) for row in rows.tolist()]
        for part in _packed([len(tastes) for tastes in users]):
            first = 0
            tastes = [taste for user in users[part] for taste in user]
            scores = self._scores(tastes)
            self._leave_out(rows[part], users[part], scores)
            best = top_n(scores, max(CANDIDATES, self._length))
            for user in range(part.start, part.stop):
                mine = slice(first, first + len(users[user]))
                first = mine.stop
                found = self._list(users[user], scores[mine], best[mine])
                out[user, : len(found)] = found
        return TopN(out, np.full(out.shape, np.nan, np.float32))

    def _leave_out(
        self, rows: NDArray[np.int64], users: list[list[Taste]], scores: NDArray[np.float32]
    ) -> None:
        """Take what users liked out of the scores of their tastes, if it is not wanted."""
        if not self._unseen:
            return
        owners = np.repeat(rows, [len(tastes) for tastes in users])
        leave_out(scores, self._histories.take(owners)[:, self._known])

    def _scores(self, tastes: list[Taste]) -> NDArray[np.float32]:
        """How well each known track fits each taste, shape (len(tastes), known tracks)."""
        tracks = [self._known[taste.places] for taste in tastes]
        # Always as many rows: products of other shapes round in other ways.
        sizes = [len(some) for some in tracks] + [0] * (_BATCH - len(tracks))
        indices = np.concatenate(tracks)
        matrix = sparse.csr_matrix(
            (np.ones(len(indices), np.float32), indices, np.cumsum([0, *sizes])),
            shape=(_BATCH, self._histories.n_tracks),
        )
        return self._model.taste_scores(matrix)[: len(tastes)]

    def _list(
        self, tastes: list[Taste], scores: NDArray[np.float32], best: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        candidates = np.unique(best[best >= 0])
        z = scores[:, candidates].astype(np.float64)
        with np.errstate(over="ignore"):  # of a track that is left out
            chances = 1.0 / (1.0 + np.exp(-LIKE_SLOPE * (z + LIKE_SHIFT)))
        artists = np.unique(self._artists[candidates], return_inverse=True)[1]
        order = greedy_list(
            chances,
            np.array([taste.weight for taste in tastes]),
            artists,
            self._stats.artist_discount,
            self._stats.patience,
            self._length,
        )
        return self._known[candidates[order]]


def _packed(sizes: list[int]) -> Iterator[slice]:
    """Neighbouring users, as many as have no more than `_BATCH` tastes together."""
    assert MAX_TASTES <= _BATCH
    first, total = 0, 0
    for at, size in enumerate(sizes):
        if total + size > _BATCH:
            yield slice(first, at)
            first, total = at, 0
        total += size
    if first < len(sizes):
        yield slice(first, len(sizes))
