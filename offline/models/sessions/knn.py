"""Nearest sessions."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.jit import compiled
from offline.models.base import Hooks
from offline.models.sessions.trail import SessionRecommender, trail_of
from offline.models.storage import Arrays


class SessionKNN(SessionRecommender):
    """Session-based nearest neighbours (Ludewig and Jannach, UMUAI 2018).

    A past session is near to a history by the sum of the weights of the items that both have: of
    the history's recency times log(sessions / sessions with the item) ** `idf`, divided by the
    past session's length ** `length_exponent`. An item's score is the sum of the nearness of the
    nearest sessions with it.
    """

    name = "session-knn"

    class Config(SessionRecommender.Config):
        """Options of SessionKNN."""

        sessions: PositiveInt = 500
        """The nearest ones that count."""
        sample: PositiveInt = 5000
        """Of an item's sessions the latest that are looked at."""
        idf: float = Field(default=1.0, ge=0)
        """How much more rare items say."""
        length_exponent: float = Field(default=0.5, ge=0)
        """How much less long sessions say."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        trail = trail_of(data, self.config)
        n_items = data.histories.n_tracks
        ends = np.zeros(int(trail.session.max(initial=-1)) + 1, np.int64)
        np.maximum.at(ends, trail.session, trail.timestamp)
        # Numbered in the order of time, so that an item's latest sessions are its last.
        number = np.empty(len(ends), np.int64)
        number[np.argsort(ends, kind="stable")] = np.arange(len(ends))
        keys = np.unique(number[trail.session] * n_items + trail.item)
        rows, columns = np.divmod(keys, n_items)
        bounds = np.searchsorted(rows, np.arange(len(ends) + 1))
        self._keep(columns.astype(np.int32), bounds, n_items)

    def _keep(self, items: NDArray[Any], bounds: NDArray[Any], n_items: int) -> None:
        """What is looked up: the items of sessions, and the sessions of items."""
        self._items, self._bounds = items, bounds
        rows = np.repeat(np.arange(len(bounds) - 1, dtype=np.int32), np.diff(bounds))
        order = np.argsort(items, kind="stable")
        self._sessions = rows[order]
        self._starts = np.searchsorted(items[order], np.arange(n_items + 1))

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        o, n_items = self.config, histories.shape[1]
        count = np.maximum(np.diff(self._starts), 1)
        rare = np.log1p((len(self._bounds) - 1) / count) ** o.idf
        sizes = np.maximum(np.diff(self._bounds), 1) ** -o.length_exponent
        scores = np.zeros((histories.shape[0], n_items), np.float32)
        _add(
            histories.indptr,
            histories.indices,
            histories.data,
            self._items,
            self._bounds,
            self._sessions,
            self._starts,
            rare,
            sizes,
            o.sessions,
            o.sample,
            scores,
        )
        return scores

    def _state(self) -> Arrays:
        return {"items": self._items, "bounds": self._bounds}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._keep(state["items"], state["bounds"], data.histories.n_tracks)


@compiled(parallel=True)
def _add(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    weights: NDArray[Any],
    items: NDArray[Any],
    bounds: NDArray[Any],
    sessions: NDArray[Any],
    starts: NDArray[Any],
    rare: NDArray[Any],
    sizes: NDArray[Any],
    most: int,
    sample: int,
    scores: NDArray[Any],
) -> None:
    n_rows, n_sessions, parts = len(indptr) - 1, len(bounds) - 1, 8
    for part in numba.prange(parts):
        near = np.zeros(n_sessions, np.float64)
        touched = np.empty(n_sessions, np.int64)
        for row in range(part, n_rows, parts):
            n = 0
            for entry in range(indptr[row], indptr[row + 1]):
                i = indices[entry]
                for place in range(max(starts[i], starts[i + 1] - sample), starts[i + 1]):
                    s = sessions[place]
                    if near[s] == 0.0:
                        touched[n] = s
                        n += 1
                    near[s] += weights[entry] * rare[i]
            found = np.sort(touched[:n])
            values = np.empty(n, np.float64)
            for i in range(n):
                values[i] = -near[found[i]] * sizes[found[i]]
                near[found[i]] = 0.0
            ranked = np.argsort(values, kind="mergesort")[:most]
            for place in ranked:
                s = found[place]
                for other in range(bounds[s], bounds[s + 1]):
                    scores[row, items[other]] -= values[place]
