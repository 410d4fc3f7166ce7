"""A user's tastes: groups of liked tracks that are similar to the model."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats

MAX_MEAN_DISTANCE = 0.65
"""Groups with a mean cosine distance above this stay apart. At 0.5 sessions are 1 % longer on the
generated world and 3 % shorter on Last.fm; at 0.8 it is the other way round, by 1 % each."""
MAX_TRACKS = 256
"""Of one user: grouping takes the square of it."""
MAX_TASTES = 16


class Taste(NamedTuple):
    """Tracks that go together."""

    places: NDArray[np.int64]
    """Positions among the model's known tracks, sorted."""
    weight: float
    """Probability that a session of the user is of this taste; a user's add up to 1."""


def tastes_of(
    places: NDArray[np.int64], starts: NDArray[np.int64], vectors: NDArray[np.float32]
) -> list[Taste]:
    """The tastes of one user, those with more sessions first; some tracks may be in none.

    `places`: the user's tracks, sorted, one or more; `starts`: how many sessions began with each;
    `vectors`: unit vectors of all known tracks. Average linkage (Sokal and Michener, 1958) over
    cosine distance. A taste weighs as much as sessions began in it; where none is known, as many
    tracks as it has. Tastes in which no session began, where others did, are left out.
    """
    if len(places) > MAX_TRACKS:
        kept = np.sort(np.argsort(-starts, kind="stable")[:MAX_TRACKS])
        places, starts = places[kept], starts[kept]
    if not starts.any():
        starts = np.ones_like(starts)
    groups = _groups(vectors[places])
    sessions = np.bincount(groups, weights=starts)
    order = [g for g in np.argsort(-sessions, kind="stable")[:MAX_TASTES] if sessions[g]]
    total = sessions[order].sum()
    return [Taste(places[groups == group], float(sessions[group] / total)) for group in order]


def _groups(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The number of each row's group, from 0."""
    if len(vectors) == 1:
        return np.zeros(1, dtype=np.int64)
    # Not by its own cosine: that has no answer for a track without a direction.
    alike = np.clip(vectors.astype(np.float64) @ vectors.T.astype(np.float64), -1.0, 1.0)
    distances = 1.0 - alike[np.triu_indices(len(vectors), 1)]
    return (
        fcluster(linkage(distances, "average"), MAX_MEAN_DISTANCE, "distance").astype(np.int64) - 1
    )


class UserTastes:
    """Groups each user's tracks by the directions of the tracks' vectors."""

    def __init__(
        self,
        known: NDArray[np.int64],
        vectors: NDArray[np.float32],
        histories: InteractionMatrix,
        stats: SessionStats,
    ) -> None:
        """`known`: the tracks that a model has vectors for, sorted; `vectors`: a row for each.

        `histories` and `stats` have a row per user; tracks that are not known are left out.
        """
        self._histories, self._stats = histories, stats
        self._index_of = np.full(histories.n_tracks, -1)
        self._index_of[known] = np.arange(len(known))
        self._vectors = directions(vectors)

    def of(self, row: int) -> list[Taste]:
        """The tastes of a user, by `tastes_of`; one without tracks where nothing is known."""
        tracks = np.sort(self._histories.take(np.array([row])).indices)
        known = tracks[self._index_of[tracks] >= 0]
        if not len(known):
            return [Taste(known.astype(np.int64), 1.0)]
        starts = self._stats.starts[row]
        sessions = np.zeros(len(known), dtype=np.int64)
        among = np.isin(starts.indices, known)
        sessions[np.searchsorted(known, starts.indices[among])] = starts.data[among]
        return tastes_of(self._index_of[known], sessions, self._vectors)


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows as unit vectors; one of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
