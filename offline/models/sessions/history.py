"""What the visitor came to before."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.sessions.trail import SessionRecommender
from offline.models.storage import Arrays


class History(SessionRecommender):
    """The items of a history, the latest first: reminders, and a part of blends."""

    name = "history"

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        pass  # the base class keeps histories

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = histories.toarray()
        return scores

    def _state(self) -> Arrays:
        return {}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        pass
