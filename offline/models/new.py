"""The newest items, the same for everyone."""

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class New(Recommender):
    """Items by when somebody first came to them, the latest first; of one time the more popular.

    Without times it is popularity.
    """

    name = "new"

    class Config(Recommender.Config):
        """Options of New."""

        least_users: PositiveInt = 1
        """Items of fewer users come after all others."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        events = data.events()
        first = np.full(data.histories.n_tracks, np.iinfo(np.int64).max)
        np.minimum.at(first, events.item, events.timestamp)
        first[~self.known_items] = 0
        enough = self.popularity >= self.config.least_users
        keys = np.stack([self.popularity.astype(np.int64), first, enough.astype(np.int64)])
        # Alike in all of them is alike in score.
        _, places = np.unique(keys[::-1], axis=1, return_inverse=True)
        self._newness = places.astype(np.float32)

    @property
    def for_everyone(self) -> NDArray[np.float32]:
        """The scores of items, the same for all."""
        return self._newness

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        return np.tile(self._newness, (histories.shape[0], 1))

    def _state(self) -> Arrays:
        return {"newness": self._newness}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._newness = state["newness"]
