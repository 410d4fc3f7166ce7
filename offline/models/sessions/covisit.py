"""Co-visitation, and rules of what follows what: neighbours of items, from visitors' events."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.sessions.pairs import Rule, neighbours
from offline.models.sessions.trail import DAY_MS, SessionRecommender, trail_of
from offline.models.storage import Arrays

_TINY = np.finfo(np.float32).tiny


class _Neighbours(SessionRecommender):
    """Sums the rows of a matrix of neighbours over a history."""

    own_neighbours = True

    class Config(SessionRecommender.Config):
        """Options of both models."""

        neighbours: PositiveInt = 200
        """The most that an item knows, itself perhaps among them."""
        reach: PositiveInt = 50
        """Events of a visitor that are further apart are no pair."""
        window_days: float = Field(default=7.0, gt=0)
        """Nor are those that lie longer apart in time."""
        across: float = Field(default=0.5, ge=0)
        """Factor for pairs of events of different sessions."""
        distance_decay: float = Field(default=0.5, ge=0)
        """d: a pair weighs 1 / distance ** d, the distance 1 where nothing lies between."""
        item_exponent: float = Field(default=0.5, ge=0)
        """x."""
        neighbour_exponent: float = Field(default=0.0, ge=0)
        """y."""
        second: float = Field(default=0.0, ge=0)
        """Weight of neighbours of neighbours, the best of them against the best neighbour: items
        of few sessions have few neighbours."""

    config: Config
    _backward: float

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        o = self.config
        places = np.arange(1, o.reach + 1, dtype=np.float64)
        rule = Rule(
            int(o.window_days * DAY_MS),
            (places**-o.distance_decay).astype(np.float32),
            o.across,
            self._backward,
        )
        exponents = o.item_exponent, o.neighbour_exponent
        trail, n_items = trail_of(data, o), data.histories.n_tracks
        self._near = neighbours(trail, n_items, rule, o.neighbours, exponents, hooks.progress)
        self._step = _step(self._near) if o.second else None

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = (histories @ self._near).toarray()
        if self._step is not None:
            further = (sparse.csr_matrix(histories @ self._step) @ self._step).toarray()
            best, other = (found.max(axis=1, keepdims=True) for found in (scores, further))
            best[best == 0] = 1.0
            # An item that was only ever alone, or with itself, has no further ones.
            further /= np.where(other > 0, other, 1.0)
            scores += self.config.second * best * further
        return scores

    def _state(self) -> Arrays:
        return {
            "indptr": self._near.indptr,
            "indices": self._near.indices,
            "weights": self._near.data,
        }

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        n_items = data.histories.n_tracks
        parts = state["weights"], state["indices"], state["indptr"]
        self._near = sparse.csr_matrix(parts, shape=(n_items, n_items))
        self._step = _step(self._near) if self.config.second else None


def _step(near: sparse.csr_matrix) -> sparse.csr_matrix:
    """From an item to the next of a walk: D ** -1/2 W E ** -1/2, of sums D of rows, E of columns.

    W are the weights without those of an item with itself.
    """
    others: sparse.csr_matrix = (near - sparse.diags(near.diagonal())).tocsr()
    sides = [np.asarray(others.sum(axis=axis)).ravel() for axis in (1, 0)]
    left, right = (sparse.diags(np.maximum(some, _TINY) ** -0.5) for some in sides)
    found = sparse.csr_matrix(left @ others @ right, dtype=np.float32)
    found.eliminate_zeros()
    return found


class CoVisit(_Neighbours):
    """Co-visitation: items that the same visitors came to at about the same time.

    The weight of a and b is the sum over sessions of the weight of their closest pair of events:
    the product of the weights of both kinds and ages, less by the places between them. Divided by
    n(a) ** x and n(b) ** y, n the number of sessions with the item: with 1/2 and 1/2 it is a
    cosine. An item's score is the sum of the weights that the history's items have with it; with
    `second`, and of those of walks by way of one item between.
    """

    name = "covisit"
    _backward = 1.0


class SequenceRules(_Neighbours):
    """Sequential rules: what came after an item (Ludewig and Jannach, UMUAI 2018).

    As `covisit`, but only of pairs in which the history's item came first, and the more so the
    closer: 1 / distance.
    """

    name = "sequence-rules"
    _backward = 0.0

    class Config(_Neighbours.Config):
        """Options of sequence rules."""

        reach: PositiveInt = 10
        distance_decay: float = Field(default=1.0, ge=0)
        across: float = Field(default=0.0, ge=0)
        recency: float = Field(default=2.0, ge=0)

    config: Config
