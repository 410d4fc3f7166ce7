"""Training by steps: mini-batches and momentum."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.mf.lists import RatedItems
from offline.models.mf.momentum import momentum_steps
from offline.models.mf.sgd_model import SGDModel, State
from offline.models.mf.time_biases import entry_users
from offline.models.mf.validation import hold_out_ratings

SHOWN = 1000
"""Steps between two measurements."""
_PAD = 8


class StepModel(SGDModel):
    """A model that can be trained by steps of a batch, too."""

    class Config(SGDModel.Config):
        """Options of models that can be trained by steps."""

        batch: PositiveInt | None = None
        """Ratings of a step of gradient descent with momentum; null: one rating at a time, in
        `epochs` passes, which is the better way."""
        steps: PositiveInt = 7000
        """With `batch`."""
        momentum: float = Field(default=0.926, ge=0, lt=1)
        """With `batch`."""

    config: Config

    def _learn(
        self, data: TrainingSet, hooks: Hooks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        o = self.config
        if o.batch is None:
            return super()._learn(data, hooks)
        held = hold_out_ratings(data, o.validation, np.random.default_rng(o.seed))
        steps = Steps(self, held.train)
        best, best_error, best_at, done = steps.state(), np.inf, 0, 0
        self._curve = []
        with tqdm(total=o.steps, unit=" steps", disable=not hooks.progress) as bar:
            while done < o.steps:
                some = min(SHOWN, o.steps - done)
                line = {"step": done + some, "batch_rmse": steps.run(some)}
                done += some
                bar.update(some)
                if len(held.values):
                    error = held.rmse(*self._vectors(steps.state(), steps.rated))
                    line["validation_rmse"] = error
                    if error < best_error:
                        best, best_error, best_at = steps.state(), error, done
                self._curve.append(line)
                if len(held.values) and done - best_at >= o.patience * SHOWN:
                    break
        return self._keep(best if len(held.values) else steps.state(), steps.rated)


class Steps:
    """The state of training by steps: parameters, and what moves them."""

    def __init__(self, model: StepModel, data: TrainingSet) -> None:
        o, ratings = model.config, data.ratings
        assert o.batch is not None
        rng = np.random.default_rng(o.seed)
        self.rated = model._rated_items(data, rng)
        self._model, self._batch = model, o.batch
        self._start = model._start(data, rng)
        k = o.factors
        width = -(-(k + 2) // _PAD) * _PAD

        def rows(factors: NDArray[np.float32], one: int) -> NDArray[np.float32]:
            found = np.zeros((len(factors), width), np.float32)
            found[:, :k] = factors
            found[:, one] = 1
            return found

        s = self._start
        self._p, self._q = rows(s.p, k + 1), rows(s.q, k)
        implicit = self.rated is not None
        self._y = np.zeros((len(s.y), width), np.float32)
        if implicit:
            self._y[:, :k] = o.spread * rng.standard_normal((len(s.y), k), dtype=np.float32)
        self._moving = tuple(np.zeros_like(each) for each in (self._p, self._q, self._y))
        pairs = np.column_stack([entry_users(ratings), ratings.indices]).astype(np.uint32)
        self._entries = pairs, ratings.data
        self._random = rng.integers(1, 2**63, 1, dtype=np.uint64)

    def run(self, steps: int) -> float:
        """Do some steps; the root mean square error of the last batch, before its update."""
        o, f = self._model.config, np.float32
        lists = self.rated or RatedItems.none(len(self._p))
        found: float = momentum_steps(
            steps, self._batch, *self._entries, f(self._start.mean), o.factors, self._p, self._q,
            self._y, self._moving, lists.items, lists.indptr, lists.norms, f(o.learning_rate),
            f(o.momentum), f(o.regularization), self._random,
        )  # fmt: skip
        return found

    def state(self) -> State:
        """What has been learned so far, in arrays of its own."""
        k = self._model.config.factors
        own = self._p[:, :k].copy() if self._model.uses_p else np.zeros_like(self._start.p)
        parts = own, self._q[:, :k].copy(), self._y[:, :k].copy()
        biases = self._p[:, k].copy(), self._q[:, k + 1].copy()
        return State(self._start.mean, *biases, *parts, None)

    def vectors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The vectors so far, as `Factors` has them."""
        return self._model._vectors(self.state(), self.rated)
