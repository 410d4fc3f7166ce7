"""Matrix factorisation with the library implicit: a vector for each user and each item."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from offline.models.base import Recommender


class ALS(Recommender):
    """Implicit ALS of Hu, Koren and Volinsky (ICDM 2008).

    A pair that is there has confidence `alpha`, any other 1. A user's vector is solved for from
    the history at hand, for users it was fitted on and for others alike.
    """

    name = "als"

    def __init__(
        self,
        factors: int = 128,
        regularization: float = 30.0,
        alpha: float = 40.0,
        iterations: int = 15,
        seed: int = 31337,
        threads: int = 0,
        progress: bool = False,
    ) -> None:
        """`threads`: 0 takes every core; the result is the same with any number."""
        self.progress = progress
        with threadpool_limits(limits=1, user_api="blas"):
            self._model = AlternatingLeastSquares(
                factors=factors,
                regularization=regularization,
                alpha=alpha,
                iterations=iterations,
                random_state=seed,
                num_threads=threads,
            )

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        self._model.user_factors = self._model.item_factors = None  # else it would go on from them
        # The library runs threads of its own: those of BLAS would fight them.
        with threadpool_limits(limits=1, user_api="blas"):
            self._model.fit(interactions, show_progress=self.progress)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        with threadpool_limits(limits=1, user_api="blas"):
            vectors = self._model.recalculate_user(np.arange(histories.shape[0]), histories)
        scores: NDArray[np.float32] = vectors @ self._model.item_factors.T
        return scores


class BPR(Recommender):
    """BPR of Rendle et al. (UAI 2009): a user's item above one drawn at random, by SGD.

    It has a vector for the users it was fitted on alone.
    """

    name = "bpr"
    folds_in = False

    def __init__(
        self,
        factors: int = 128,
        learning_rate: float = 0.1,
        regularization: float = 0.005,
        iterations: int = 200,
        seed: int = 31337,
        threads: int = 1,
        progress: bool = False,
    ) -> None:
        """`threads`: with more than 1 (0: every core) they race, and no two runs are the same."""
        self.progress = progress
        self._options = {
            "factors": factors,
            "learning_rate": learning_rate,
            "regularization": regularization,
            "iterations": iterations,
            "random_state": seed,
            "num_threads": threads,
        }

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        self._model = BayesianPersonalizedRanking(**self._options)
        self._model.fit(interactions, show_progress=self.progress)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        assert users is not None  # the base class refuses others
        scores: NDArray[np.float32] = self._model.user_factors[users] @ self._model.item_factors.T
        return scores
