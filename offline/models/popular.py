"""The most popular items, the same for everyone: of all time, or of late."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays

_DAY_MS = 86_400_000


class Popular(Recommender):
    """Items by the number of users who liked them.

    With a window only events of its days count, or with a half-life the later ones more; with
    weights of kinds a user counts by the strongest that the user did.
    """

    name = "popular"

    class Config(Recommender.Config):
        """Options of Popular."""

        window_days: float | None = Field(default=None, gt=0)
        """Only events so long before the last one count; null: all."""
        half_life_days: float | None = Field(default=None, gt=0)
        """A user counts half as much for an event that is so much older; null: age says
        nothing."""
        kinds: dict[str, float] | None = None
        """Weights by kind of event, others 0; null: every kind weighs 1."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        o = self.config
        self._counts = self.popularity
        if o.window_days is None and o.half_life_days is None and o.kinds is None:
            return  # the base class has counted
        events = data.events()
        kinds = {} if o.kinds is None else o.kinds
        by_kind = [1.0 if o.kinds is None else kinds.get(name, 0.0) for name in events.kinds]
        weight = np.array(by_kind)[events.kind]
        age = (events.timestamp.max(initial=0) - events.timestamp) / _DAY_MS
        if o.window_days is not None:
            weight = np.where(age <= o.window_days, weight, 0.0)
        if o.half_life_days is not None:
            weight = weight * np.exp2(-age / o.half_life_days)
        n_items = data.histories.n_tracks
        pairs, places = np.unique(events.user * n_items + events.item, return_inverse=True)
        strongest = np.zeros(len(pairs))
        np.maximum.at(strongest, places, weight)
        counts = np.bincount(pairs % n_items, strongest, minlength=n_items)
        self._counts = counts.astype(np.float32)

    @property
    def for_everyone(self) -> NDArray[np.float32]:
        """The scores of items, the same for all."""
        return self._counts

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        return np.tile(self._counts, (histories.shape[0], 1))

    def _of_nobody(self) -> NDArray[np.float32]:
        return self._counts

    def _state(self) -> Arrays:
        return {"counts": self._counts}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        # A directory of before there were windows has nothing.
        self._counts = state.get("counts", self.popularity)
