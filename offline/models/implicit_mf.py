"""Matrix factorisation with the library implicit: a vector for each user and each item."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy import sparse
from threadpoolctl import threadpool_limits

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class FactorOptions(Recommender.Config):
    """Options of every factorisation here."""

    factors: PositiveInt = 128
    seed: int = Field(default=31337, ge=0, lt=2**32)


class ALS(Recommender):
    """Implicit ALS of Hu, Koren and Volinsky (ICDM 2008).

    A pair that is there has confidence `alpha`, any other 1. A user's vector is solved for from
    the history at hand, for users it was fitted on and for others alike.
    """

    name = "als"

    class Config(FactorOptions):
        """Options of ALS."""

        regularization: float = Field(default=30.0, ge=0)
        alpha: float = Field(default=40.0, gt=0)
        iterations: PositiveInt = 15
        threads: NonNegativeInt = 0
        """0: every core. The result is the same with any number."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        model = self._library()
        # The library runs threads of its own: those of BLAS would fight them.
        with threadpool_limits(limits=1, user_api="blas"):
            model.fit(data.matrix, show_progress=hooks.progress)
        self._model = model

    def _library(self) -> AlternatingLeastSquares:
        o = self.config
        with threadpool_limits(limits=1, user_api="blas"):
            return AlternatingLeastSquares(
                factors=o.factors,
                regularization=o.regularization,
                alpha=o.alpha,
                iterations=o.iterations,
                random_state=o.seed,
                num_threads=o.threads,
            )

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        with threadpool_limits(limits=1, user_api="blas"):
            vectors = self._model.recalculate_user(np.arange(histories.shape[0]), histories)
        scores: NDArray[np.float32] = vectors @ self._model.item_factors.T
        return scores

    def ranking_vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The users' vectors are solved for."""
        histories = self.data.matrix
        with threadpool_limits(limits=1, user_api="blas"):
            users = self._model.recalculate_user(np.arange(histories.shape[0]), histories)
        return users, self._model.item_factors

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The items' factors."""
        factors: NDArray[np.float32] = self._model.item_factors
        return factors

    def _state(self) -> Arrays:
        return {"item_factors": self._model.item_factors}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._model = self._library()
        self._model.item_factors = state["item_factors"]
