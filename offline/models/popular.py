"""The most popular items, the same for everyone."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class Popular(Recommender):
    """Items by the number of users who liked them."""

    name = "popular"

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        pass  # the base class has counted

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        return np.tile(self.popularity, (histories.shape[0], 1))

    def _state(self) -> Arrays:
        return {}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        pass
