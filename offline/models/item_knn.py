"""Nearest neighbours between items."""

import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks, Recommender
from offline.models.storage import Arrays


class ItemKNN(Recommender):
    """Item-based nearest neighbours (Deshpande and Karypis, TOIS 2004), with the library implicit.

    The similarity of items a and b is the sum over the users of both of
    1 / |items of the user|^(2 x), divided by (|users of a| |users of b|)^y. With x = 0 and
    y = 1/2 it is their cosine; the x of the default lets people who like everything say less, and
    its y leaves well-known items ahead. An item's score is the sum of the similarities that the
    user's items have with it, each item knowing its nearest alone, itself among them.
    """

    name = "item-knn"

    class Config(Recommender.Config):
        """Options of ItemKNN."""

        neighbours: PositiveInt = 500
        """The most that an item knows."""
        user_exponent: float = Field(default=0.5, ge=0)
        """x."""
        item_exponent: float = Field(default=0.45, ge=0)
        """y."""
        threads: NonNegativeInt = 0
        """0: every core. The result is the same with any number."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        interactions, o = data.matrix, self.config
        sizes = np.diff(interactions.indptr)
        users = np.repeat(sizes, sizes) ** -o.user_exponent
        items = self.popularity[interactions.indices] ** -o.item_exponent
        weighted = sparse.csr_matrix(
            (users * items, interactions.indices, interactions.indptr), shape=interactions.shape
        )
        model = ItemItemRecommender(K=o.neighbours, num_threads=o.threads)
        model.fit(weighted, show_progress=hooks.progress)
        self._similarity = sparse.csr_matrix(model.similarity, dtype=np.float32)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = (histories @ self._similarity).toarray()
        return scores

    def _state(self) -> Arrays:
        matrix = self._similarity
        return {"indptr": matrix.indptr, "indices": matrix.indices, "similarity": matrix.data}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        n_items = data.histories.n_tracks
        parts = state["similarity"], state["indices"], state["indptr"]
        self._similarity = sparse.csr_matrix(parts, shape=(n_items, n_items))
