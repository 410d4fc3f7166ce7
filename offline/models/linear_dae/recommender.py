"""The linear autoencoder behind the interface of every model."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.models.base import Recommender
from offline.models.linear_dae.closed_form import LinearDAE
from offline.models.linear_dae.recency import by_recency, in_time
from offline.models.linear_dae.tuning import TunedParameters, choose


class LinearDAERecommender(Recommender):
    """The linear denoising autoencoder, its options chosen on a validation part of the data.

    Nothing of it is tuned to a data set: `choose` sees what `fit` is given, and no more.
    """

    name = "linear-dae"
    block = 2**23  # some arrays of this size are needed at once

    def __init__(self, seed: int, progress: bool = False) -> None:
        """`seed`: of the validation part."""
        self.seed = seed
        self.progress = progress

    tuned: TunedParameters
    """The options that `fit` chose."""

    def fit(self, interactions: sparse.csr_matrix) -> Self:
        """See `Recommender`; an order of entries other than that of ids is taken for time's.

        Then later entries count for more, here and in `recommend_for`.
        """
        self._given = sparse.csr_matrix(interactions)
        try:
            return super().fit(interactions)
        finally:
            del self._given

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        self.tuned = choose(self._given, np.random.default_rng(self.seed), self.progress)
        self._model = LinearDAE(interactions, self.tuned.powers)

    def _weighed(
        self, histories: sparse.csr_matrix, given: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        given = sparse.csr_matrix(given)
        return by_recency(given, self.tuned.recency) if in_time(given) else histories

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        strengths = self.tuned.strengths(np.diff(histories.indptr))
        return self._model.scores(histories, strengths, self.tuned.popularity)
