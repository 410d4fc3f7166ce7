"""The linear autoencoder behind the interface of every model."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.linear_dae.closed_form import LinearDAE
from offline.models.linear_dae.recency import by_recency
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

    def fit(self, interactions: sparse.csr_matrix, times: sparse.csr_matrix | None = None) -> Self:
        """See `Recommender`. With `times`, later likes may count for more; without, none does.

        `times`: when each pair happened, whole numbers in any unit, in the places of the
        interactions. Raises InputError where they are of other pairs.
        """
        self._times = None if times is None else _times_of(interactions, times)
        super().fit(interactions)
        if self._times is not None and self.tuned.recency:
            self._interactions = by_recency(self._fitted(), self._times, self.tuned.recency)
        return self

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        rng = np.random.default_rng(self.seed)
        self.tuned = choose(interactions, rng, self.progress, self._times)
        self._model = LinearDAE(interactions, self.tuned.powers)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        strengths = self.tuned.strengths(np.diff(histories.indptr))
        return self._model.scores(histories, strengths, self.tuned.popularity)


def _times_of(interactions: sparse.csr_matrix, times: sparse.csr_matrix) -> NDArray[np.int64]:
    """The time of each entry, by user and item."""
    pairs, found = (sparse.csr_matrix(x).sorted_indices() for x in (interactions, times))
    if not (
        np.array_equal(pairs.indptr, found.indptr) and np.array_equal(pairs.indices, found.indices)
    ):
        raise InputError("the times are of other pairs than the interactions: give one for each")
    return np.asarray(found.data, dtype=np.int64)
