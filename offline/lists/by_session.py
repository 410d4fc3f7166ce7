"""Lists for sessions, on the assumption that a session stays in one of the user's tastes."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats
from offline.lists.greedy import greedy_list
from offline.lists.maker import ListMaker
from offline.models.dae.network import DAE
from offline.models.top_n import top_n_of
from offline.tastes import MAX_TASTES, Taste, UserTastes

CANDIDATES = 150
"""Of each taste, unless lists are longer. 60 lose 1.5 % of session time, 300 gain nothing."""
LIKE_SLOPE, LIKE_SHIFT = 0.5, 8.0
"""P(like) = sigmoid(LIKE_SLOPE * (z + LIKE_SHIFT)), z: a track's score in a taste. Not fitted:
plays under a random recommender rarely include a taste's best tracks, and a logistic regression
on the few that do made sessions 4 % shorter; a shift of 7 or 9, a slope of 0.4 or 0.6 change them
by 1 %."""
_BATCH = 256


def by_session(
    model: DAE,
    histories: InteractionMatrix,
    stats: SessionStats,
    artists: NDArray[np.int64],
    length: int,
) -> ListMaker:
    """Lists by `greedy_list` over the best tracks of each of a user's tastes.

    The model scores each taste alone, as if its tracks were all that a user liked. `artists`: a
    number for each track's artist, shape (n_tracks,).
    """
    made = _BySession(model, histories, stats, artists, length)
    digest = hashlib.sha256(np.ascontiguousarray(artists, dtype=np.int64).data).hexdigest()
    recipe = (
        f"by sessions: patience {stats.patience!r}, discount {stats.artist_discount!r}, "
        f"artists {digest}"
    )
    return ListMaker(recipe, made.of)


class _BySession:
    def __init__(
        self,
        model: DAE,
        histories: InteractionMatrix,
        stats: SessionStats,
        artists: NDArray[np.int64],
        length: int,
    ) -> None:
        self._model, self._histories, self._stats = model, histories, stats
        self._length = length
        self._known = model.tracks.cpu().numpy()
        self._artists = artists[self._known]
        self._tastes = UserTastes(model, histories, stats)

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Lists of some rows, shape (len(rows), length), padded with -1."""
        out = np.full((len(rows), self._length), -1, dtype=np.int64)
        users = [self._tastes.of(row) for row in rows.tolist()]
        for part in _packed([len(tastes) for tastes in users]):
            first = 0
            tastes = [taste for user in users[part] for taste in user]
            scores = self._scores(tastes)
            best = top_n_of(scores, max(CANDIDATES, self._length)).cpu().numpy()
            for user in range(part.start, part.stop):
                mine = slice(first, first + len(users[user]))
                first = mine.stop
                found = self._list(users[user], scores[mine].cpu().numpy(), best[mine])
                out[user, : len(found)] = found
        return out

    @torch.no_grad()
    def _scores(self, tastes: list[Taste]) -> torch.Tensor:
        """How well each known track fits each taste, shape (len(tastes), known tracks).

        The log of the model's probability, less the decoder's bias of the track, which is how
        popular it is with everybody: that says little about one who has this taste.
        """
        tracks = [self._known[taste.places] for taste in tastes]
        # Always as many rows: products of other shapes round in other ways.
        sizes = [len(some) for some in tracks] + [0] * (_BATCH - len(tracks))
        indices = np.concatenate(tracks)
        matrix = sparse.csr_matrix(
            (np.ones(len(indices), np.float32), indices, np.cumsum([0, *sizes])),
            shape=(_BATCH, self._model.n_tracks),
        )
        logits = self._model(self._model.ragged(matrix))[: len(tastes)]
        return torch.log_softmax(logits, dim=1) - self._model.last.bias

    def _list(
        self, tastes: list[Taste], scores: NDArray[np.float32], best: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        candidates = np.unique(best[best >= 0])
        z = scores[:, candidates].astype(np.float64)
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
