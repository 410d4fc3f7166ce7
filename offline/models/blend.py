"""Several models' lists as one."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Hooks, Recommender
from offline.models.linear_dae.recency import by_recency
from offline.models.storage import Arrays
from offline.models.top_n import best_n

_SEPARATOR = "--"


class Blend(Recommender):
    """A weighted sum of other models, by ranks or by scores.

    By `rank`, an item's score is the sum over the models of weight / (constant + rank), ranks from
    1, over the `depth` best of each (G. Cormack, C. Clarke, S. Büttcher, SIGIR 2009). By `score`,
    it is the sum of weight * score / largest score of the list.
    """

    name = "blend"
    uses_timestamps = True
    own_neighbours = True

    class Config(Recommender.Config):
        """Options of the blend."""

        weights: dict[str, float] = Field(
            default={"covisit": 1.0, "session-knn": 1.0, "history": 10.0}, min_length=1
        )
        """Of each model, by its name. With these the history's own items come first."""
        options: dict[str, dict[str, Any]] = Field(default={"covisit": {"second": 1.0}})
        """Of the models, by name; the others have their defaults. What is set replaces all."""
        by: Literal["rank", "score"] = "score"
        """What is added up."""
        constant: float = Field(default=60.0, gt=0)
        """Of ranks: the larger, the less the first places are ahead."""
        depth: PositiveInt = 200
        """Places of each model that count."""

    config: Config

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config, **options)
        self._parts = self._made()

    def _made(self) -> dict[str, Recommender]:
        from offline.models.registry import make_model  # it imports the models, of which this is

        o = self.config
        for name in o.options:
            default = type(o).model_fields["options"].default.get(name)
            if name not in o.weights and o.options[name] != default:
                raise InputError(f"blend: options of {name}, which has no weight")
        for name, weight in o.weights.items():
            if name == self.name or not np.isfinite(weight) or weight <= 0:
                raise InputError(f"blend: weights.{name}: a model with a weight above 0, no blend")
        parts = {name: make_model(name, o.options.get(name)) for name in o.weights}
        for part in parts.values():
            part.check_folds_in()
        return parts

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        self._parts = self._made()
        for part in self._parts.values():
            part.fit(data, hooks)

    def _weighed(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
    ) -> sparse.csr_matrix:
        return histories if timestamps is None else by_recency(histories, timestamps, 1.0)

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        o = self.config
        ones = np.ones(histories.nnz, np.float32)
        plain = sparse.csr_matrix((ones, histories.indices, histories.indptr), histories.shape)
        order = -np.rint(1 / histories.data).astype(np.int64)  # of time: what `_weighed` encoded
        total = np.zeros(histories.shape, np.float32)
        rows = np.arange(len(total))[:, None]
        for name, weight in o.weights.items():
            part = self._parts[name]
            scores = part._scores(part._weighed(plain, order), None)
            if o.by == "score":
                largest = np.abs(scores).max(axis=1, keepdims=True)
                total += weight * scores / np.maximum(largest, np.finfo(np.float32).tiny)
                continue
            scores[scores == 0] = -np.inf  # what a model knows nothing of has no place
            best = best_n(scores, min(o.depth, scores.shape[1]))
            places = np.arange(1, best.ids.shape[1] + 1)
            gains = np.where(best.ids >= 0, weight / (o.constant + places), 0.0)
            # An ended list is filled with -1, which would be the last item.
            np.add.at(total, (rows, np.maximum(best.ids, 0)), gains.astype(np.float32))
        return total

    def _state(self) -> Arrays:
        return {
            f"{name}{_SEPARATOR}{key}": array
            for name, part in self._parts.items()
            for key, array in part._state().items()
        }

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        for name, part in self._parts.items():
            prefix = f"{name}{_SEPARATOR}"
            own = {k.removeprefix(prefix): x for k, x in state.items() if k.startswith(prefix)}
            part._popularity = self.popularity
            part._set_state(own, data)
            part._data = data
