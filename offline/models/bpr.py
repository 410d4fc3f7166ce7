"""Bayesian personalised ranking: a vector for each user and each item, learned by comparison."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.jit import compiled
from offline.models.base import Hooks, Recommender
from offline.models.implicit_mf import FactorOptions
from offline.models.storage import Arrays

Floats = NDArray[np.float32]


class BPR(Recommender):
    """BPR of Rendle et al. (UAI 2009): a user's item above one drawn at random, by SGD.

    The other item is drawn evenly from those that the user has not liked, as in the paper. Where
    it is drawn by popularity, as the library implicit does, the model learns to rank what is
    popular low. A user without a like has no taste: the items' biases alone rank.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline.models.bpr import BPR
    >>> model = BPR(factors=4, iterations=2).fit(sparse.csr_matrix(np.tri(40, 60)))
    >>> model.recommend(np.array([30]), n=3).ids.shape
    (1, 3)
    """

    name = "bpr"
    folds_in = False

    class Config(FactorOptions):
        """Options of BPR."""

        learning_rate: float = Field(default=0.05, gt=0)
        regularization: float = Field(default=0.01, ge=0)
        iterations: PositiveInt = 100
        """Passes over all likes, each like compared with one other item."""

    config: Config

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        o, likes = self.config, data.matrix.sorted_indices()
        n_users, n_items = likes.shape
        rng = np.random.default_rng(o.seed)
        first = np.float32(0.3 / np.sqrt(o.factors))
        users = first * rng.standard_normal((n_users, o.factors), np.float32)
        items = first * rng.standard_normal((n_items, o.factors), np.float32)
        biases = np.zeros(n_items, np.float32)
        owners = np.repeat(np.arange(n_users), np.diff(likes.indptr))
        passes = tqdm(
            range(o.iterations), unit=" passes", disable=not hooks.progress, file=sys.stderr
        )
        for _ in passes:
            _pass(
                rng.permutation(likes.nnz),
                owners,
                likes.indptr,
                likes.indices,
                rng.integers(2**64, dtype=np.uint64),
                users,
                items,
                biases,
                np.float32(o.learning_rate),
                np.float32(o.regularization),
            )
        if not (np.isfinite(users).all() and np.isfinite(items).all()):
            raise InputError(
                f"training diverged: lower learning_rate, which is {o.learning_rate:g}"
            )
        users[np.diff(likes.indptr) == 0] = 0  # nothing was learned of them
        # The biases as one more factor, for which every user has a 1.
        self._users = np.hstack([users, np.ones((n_users, 1), np.float32)])
        self._items = np.hstack([items, biases[:, None]])

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        assert users is not None  # the base class refuses others
        scores: NDArray[np.float32] = self._users[users] @ self._items.T
        return scores

    def ranking_vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """With the items' biases, for which users have a 1."""
        return self._users, self._items

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The items' factors, without their biases, which say how popular they are."""
        return np.ascontiguousarray(self._items[:, :-1])

    def _state(self) -> Arrays:
        return {"user_factors": self._users, "item_factors": self._items}

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._users, self._items = state["user_factors"], state["item_factors"]


@compiled(fastmath=True, nogil=True)
def _pass(
    order: NDArray[np.int64],
    owners: NDArray[np.int64],
    indptr: NDArray[Any],
    indices: NDArray[Any],
    seed: np.uint64,
    users: Floats,
    items: Floats,
    biases: Floats,
    rate: np.float32,
    reg: np.float32,
) -> None:
    """One step of SGD for each like, in this order, changing users, items and biases in place.

    The gradient of ln sigmoid(x_ui - x_uj) less `reg` times the squared parameters, where i is
    liked and j is not: eq. 7 of the paper. `indices` are sorted within a user.
    """
    n_items, k = items.shape
    one, state = np.float32(1), np.uint64(seed)
    for at in range(len(order)):
        like = order[at]
        u, i = owners[like], indices[like]
        start, end = indptr[u], indptr[u + 1]
        if end - start >= n_items:
            continue  # the user likes everything: there is nothing to compare with
        while True:
            # SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), its high 32 bits scaled to an item.
            state += np.uint64(0x9E3779B97F4A7C15)
            z = state
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = (z ^ (z >> np.uint64(31))) >> np.uint64(32)
            j = np.int64((z * np.uint64(n_items)) >> np.uint64(32))
            place = start + np.searchsorted(indices[start:end], j)
            if place == end or indices[place] != j:
                break
        user, liked, other = users[u], items[i], items[j]
        x = biases[i] - biases[j]
        for f in range(k):
            x += user[f] * (liked[f] - other[f])
        error = one / (one + np.exp(x))
        biases[i] += rate * (error - reg * biases[i])
        biases[j] -= rate * (error + reg * biases[j])
        for f in range(k):
            a, b, c = user[f], liked[f], other[f]
            user[f] = a + rate * (error * (b - c) - reg * a)
            liked[f] = b + rate * (error * a - reg * b)
            other[f] = c - rate * (error * a + reg * c)
