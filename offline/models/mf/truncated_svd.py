"""A truncated singular value decomposition of the ratings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse
from scipy.sparse.linalg import svds

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.mf.biases import USERS, Biases, damped_biases, with_biases
from offline.models.ratings import RatingModel
from offline.models.storage import Arrays


class TruncatedSVD(RatingModel):
    """Truncated SVD U S V' of the ratings: U √S for users, V √S for items.

    As it stands, a rating that is missing counts as 0, so that scores tell how much is rated and
    not how well: no good rating predictor, but a ranking of its own. `centred`: what biases leave
    of the ratings is decomposed, so that a missing one counts as what the biases say.
    """

    name = "truncated-svd"

    class Config(RatingModel.Config):
        """Options of the truncated SVD."""

        factors: PositiveInt = 50
        """The largest number; a small matrix has half as many as its shorter side."""
        centred: bool = False
        """Whether the mean and biases are taken off before, and added to predictions."""
        seed: int = Field(default=31337, ge=0, lt=2**32)

    config: Config

    def _learn(
        self, data: TrainingSet, hooks: Hooks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        ratings = data.ratings
        none = Biases(0.0, *(np.zeros(n, np.float32) for n in ratings.shape))
        biases = damped_biases(ratings) if self.config.centred else none
        rest = ratings.data - biases.of_entries(ratings)
        left, right = self._decomposed(
            sparse.csr_matrix((rest, ratings.indices, ratings.indptr), shape=ratings.shape)
        )
        self._level = biases.mean
        return with_biases(biases, left, right)

    def _fold_in(self, items: NDArray[np.int64], ratings: NDArray[Any]) -> NDArray[np.float32]:
        # The projection that gives a known user the vector that the decomposition gave.
        vectors = self._items.astype(np.float64)
        level, bias = 0.0, 0.0
        if self.config.centred:
            level = self._level
            left = ratings - level - vectors[items, 1]
            bias = float(left.sum() / (len(left) + USERS))
        rest = ratings - level - bias - vectors[items, 1]
        factors = vectors[:, self.bias_columns :]
        weights = np.maximum((factors**2).sum(axis=0), np.finfo(np.float32).tiny)
        found = np.concatenate([[level + bias, 1.0], rest @ factors[items] / weights])
        return found.astype(np.float32)

    def _learned(self) -> Arrays:
        return {"mean": np.array([self._level])}

    def _set_learned(self, state: Arrays, data: TrainingSet) -> None:
        self._level = float(state["mean"][0])

    def _decomposed(
        self, matrix: sparse.csr_matrix
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        side = min(matrix.shape)
        factors = min(self.config.factors, max(1, side // 2))
        if factors >= side:  # more than ARPACK can give
            left, weights, right = np.linalg.svd(matrix.toarray(), full_matrices=False)
        else:
            # ARPACK starts from this vector, so one seed gives one result.
            start = np.random.default_rng(self.config.seed).normal(size=side).astype(np.float32)
            left, weights, right = svds(matrix, k=factors, v0=start)
            left, weights, right = left[:, ::-1], weights[::-1], right[::-1]
        # A singular vector's sign is free: the largest entry of an item's is made positive.
        signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
        root = np.sqrt(weights) * signs
        return (left * root).astype(np.float32), (right.T * root).astype(np.float32)
