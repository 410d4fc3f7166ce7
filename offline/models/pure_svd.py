"""A truncated singular value decomposition of the interactions."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from offline.models.base import Recommender


class PureSVD(Recommender):
    """PureSVD of Cremonesi, Koren and Turrin (RecSys 2010).

    With the matrix about U S V', the scores of a history r are r V V'.
    """

    name = "pure-svd"

    def __init__(self, factors: int = 64, seed: int = 31337) -> None:
        """`factors`: the largest number; a small matrix has fewer."""
        self.factors = factors
        self.seed = seed

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        side = min(interactions.shape)
        if self.factors >= side:  # as many as there are: more than ARPACK can give
            vectors = np.linalg.svd(interactions.toarray(), full_matrices=False)[2]
        else:
            # ARPACK starts from this vector, so one seed gives one result.
            start = np.random.default_rng(self.seed).normal(size=side).astype(np.float32)
            vectors = svds(interactions, k=self.factors, v0=start)[2]
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
