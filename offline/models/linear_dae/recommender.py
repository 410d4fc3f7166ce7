"""The linear autoencoder behind the interface of every model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.linear_dae.closed_form import LinearDAE, Powers
from offline.models.linear_dae.recency import by_recency
from offline.models.linear_dae.tuning import TunedParameters, choose
from offline.models.storage import Arrays


class LinearDAERecommender(Recommender):
    """The linear denoising autoencoder, its options chosen on a validation part of the data.

    Nothing of it is tuned to a data set: `choose` sees what `fit` is given, and no more. Later
    likes may count for more where the data has timestamps; where it has none, none does.
    """

    name = "linear-dae"
    uses_timestamps = True
    block = 2**23  # some arrays of this size are needed at once

    class Config(Recommender.Config):
        """Options of the linear autoencoder."""

        seed: int = Field(default=31337, ge=0, lt=2**32)
        """Of the validation part."""

    config: Config
    tuned: TunedParameters
    """The options that `fit` chose."""

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        rng = np.random.default_rng(self.config.seed)
        self.tuned = choose(data.matrix, rng, hooks.progress, data.timestamps)
        self._model = LinearDAE(data.matrix, self.tuned.powers)

    def metrics(self) -> dict[str, Any]:
        """The options that `fit` chose, and the validation NDCG@20."""
        return self.tuned._asdict() | {"powers": self.tuned.powers._asdict()}

    def _weighed(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
    ) -> sparse.csr_matrix:
        if timestamps is None or not self.tuned.recency:
            return histories
        return by_recency(histories, timestamps, self.tuned.recency)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        strengths = self.tuned.strengths(np.diff(histories.indptr))
        return self._model.scores(histories, strengths, self.tuned.popularity)

    def _state(self) -> Arrays:
        # The model itself is the data, seen with these.
        powers, *others = self.tuned
        return {"tuned": np.array([*powers, *others])}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        user, item, *others = state["tuned"].tolist()
        self.tuned = TunedParameters(Powers(user, item), *others)
        self._model = LinearDAE(data.matrix, self.tuned.powers)
