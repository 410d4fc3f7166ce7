"""A truncated singular value decomposition of the interactions."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse
from scipy.sparse.linalg import svds

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class PureSVD(Recommender):
    """PureSVD of Cremonesi, Koren and Turrin (RecSys 2010).

    With the matrix about U S V', the scores of a history r are r V V'.
    """

    name = "pure-svd"

    class Config(Recommender.Config):
        """Options of PureSVD."""

        factors: PositiveInt = 64
        """The largest number; a small matrix has half as many as its shorter side."""
        seed: int = Field(default=31337, ge=0, lt=2**32)

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        interactions = data.matrix
        side = min(interactions.shape)
        # With all factors a user's scores are the user's history again, and rank nothing else.
        factors = min(self.config.factors, max(1, side // 2))
        if factors >= side:  # as many as there are: more than ARPACK can give
            vectors = np.linalg.svd(interactions.toarray(), full_matrices=False)[2]
        else:
            # ARPACK starts from this vector, so one seed gives one result.
            start = np.random.default_rng(self.config.seed).normal(size=side).astype(np.float32)
            vectors = svds(interactions, k=factors, v0=start)[2]
            vectors = vectors[::-1]  # the largest singular value first
        # A singular vector's sign is free: its largest entry is made positive.
        largest = np.abs(vectors).argmax(axis=1)
        vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
        self.item_factors: NDArray[np.float32] = np.ascontiguousarray(vectors.T, dtype=np.float32)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = (histories @ self.item_factors) @ self.item_factors.T
        return scores

    def ranking_vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Users' vectors are the sums of their items'."""
        return self.data.matrix @ self.item_factors, self.item_factors

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The right singular vectors, a row for each item."""
        return self.item_factors

    def _state(self) -> Arrays:
        return {"item_factors": self.item_factors}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self.item_factors = state["item_factors"]
