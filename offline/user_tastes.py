"""The tastes of the users of a log, as a model of their tracks sees them."""

import numpy as np
from numpy.typing import NDArray

from offline.data.matrix import Histories
from offline.data.session_stats import Habits
from offline.models.dae.network import DAE
from offline.tastes import Taste, tastes_of


class UserTastes:
    """Groups each user's tracks by the directions of the decoder's rows."""

    def __init__(self, model: DAE, histories: Histories, habits: Habits) -> None:
        """`histories` and `habits` have a row per user; tracks new to the model are left out."""
        self._histories, self._habits = histories, habits
        self._place = model.place
        self._vectors = directions(model.last.weight.detach().cpu().numpy())

    def of(self, row: int) -> list[Taste]:
        """The tastes of a user, by `tastes_of`; one without tracks where nothing is known."""
        tracks = np.sort(self._histories.take(np.array([row])).indices)
        known = tracks[self._place[tracks] >= 0]
        if not len(known):
            return [Taste(known.astype(np.int64), 1.0)]
        starts = self._habits.starts[row]
        sessions = np.zeros(len(known), dtype=np.int64)
        among = np.isin(starts.indices, known)
        sessions[np.searchsorted(known, starts.indices[among])] = starts.data[among]
        return tastes_of(self._place[known], sessions, self._vectors)


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows as unit vectors; one of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled
