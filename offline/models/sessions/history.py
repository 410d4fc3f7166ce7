"""What the visitor came to before."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.sessions.trail import SessionRecommender
from offline.models.storage import Arrays

_FAR = 1e-3
"""The score of the most popular item that is not in a history; of those in it, 1 to 2."""


class History(SessionRecommender):
    """The items of a history, the latest first: reminders, and a part of blends.

    Popular items follow, far behind.
    """

    name = "history"

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        pass  # the base class keeps histories

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        far = np.float32(_FAR / max(1.0, float(self.popularity.max())))
        scores = np.tile(self.popularity * far, (histories.shape[0], 1))
        rows = np.repeat(np.arange(len(scores)), np.diff(histories.indptr))
        scores[rows, histories.indices] = 1 + histories.data
        return scores

    def _state(self) -> Arrays:
        return {}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        pass
