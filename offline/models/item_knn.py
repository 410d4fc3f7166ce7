"""Nearest neighbours between items."""

import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender
from numpy.typing import NDArray
from scipy import sparse

from offline.models.base import Recommender


class ItemKNN(Recommender):
    """Item-based nearest neighbours (Deshpande and Karypis, TOIS 2004), with the library implicit.

    The similarity of items a and b is the sum over the users of both of
    1 / |items of the user|^(2 x), divided by (|users of a| |users of b|)^y. With x = 0 and
    y = 1/2 it is their cosine; the x of the default lets people who like everything say less, and
    its y leaves well-known items ahead. An item's score is the sum of the similarities that the
    user's items have with it, each item knowing its nearest alone, itself among them.
    """

    name = "item-knn"

    def __init__(
        self,
        neighbours: int = 500,
        user_exponent: float = 0.5,
        item_exponent: float = 0.45,
        threads: int = 0,
        progress: bool = False,
    ) -> None:
        """`user_exponent`: x. `item_exponent`: y. `threads`: 0 takes every core."""
        self.neighbours = neighbours
        self.user_exponent = user_exponent
        self.item_exponent = item_exponent
        self.threads = threads
        self.progress = progress

    def _fit(self, interactions: sparse.csr_matrix) -> None:
        sizes = np.diff(interactions.indptr)
        users = np.repeat(sizes, sizes) ** -self.user_exponent
        items = self._popularity[interactions.indices] ** -self.item_exponent
        weighted = sparse.csr_matrix(
            (users * items, interactions.indices, interactions.indptr), shape=interactions.shape
        )
        model = ItemItemRecommender(K=self.neighbours, num_threads=self.threads)
        model.fit(weighted, show_progress=self.progress)
        self._similarity = sparse.csr_matrix(model.similarity, dtype=np.float32)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = (histories @ self._similarity).toarray()
        return scores
