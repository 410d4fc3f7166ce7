"""What svd, svdpp, nsvd and nmf have in common: training by passes of gradient descent."""

import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.models.base import Hooks
from offline.models.mf.biases import Biases, with_biases
from offline.models.mf.lists import RatedItems, implicit_sum
from offline.models.mf.sgd import BIASED, NON_NEGATIVE, USE_P, sgd_pass
from offline.models.mf.time_biases import TimeBiases, entry_users
from offline.models.mf.validation import Held, hold_out_ratings
from offline.models.ratings import RatingModel
from offline.models.storage import Arrays


class State(NamedTuple):
    """All that is learned, float32."""

    mean: float
    bu: NDArray[np.float32]
    bi: NDArray[np.float32]
    p: NDArray[np.float32]
    q: NDArray[np.float32]
    y: NDArray[np.float32]
    """Implicit factors of items; of shape (0, k) where there are none."""
    time: TimeBiases | None

    def copy(self) -> "State":
        """The same in arrays of its own."""
        drift = self.time and self.time._replace(values=self.time.values.copy())
        bu, bi, p, q, y = (each.copy() for each in (self.bu, self.bi, self.p, self.q, self.y))
        return State(self.mean, bu, bi, p, q, y, drift)


class SGDModel(RatingModel):
    """Training by passes over the ratings, with a learning rate that falls to 0."""

    one_core = True
    uses_p: ClassVar[bool] = True
    """Whether users have factors of their own."""
    non_negative: ClassVar[bool] = False
    implicit: ClassVar[bool] = False
    """Whether a user's items have factors that add up to the user's."""

    class Config(RatingModel.Config):
        """Options of models trained by gradient descent."""

        factors: PositiveInt = 32
        epochs: PositiveInt = 20
        """Passes over the ratings."""
        learning_rate: float = Field(default=0.03, gt=0, le=1)
        """At the start; it falls in a straight line to 0."""
        regularization: float = Field(default=0.05, ge=0)
        """Of factors, for each rating."""
        bias_regularization: float = Field(default=0.01, ge=0)
        """Of biases, for each rating."""
        spread: float = Field(default=0.1, gt=0)
        """Standard deviation of factors before training."""
        time_bins: NonNegativeInt = 0
        """Parts of the period that items have a bias for, and users one for each day; 0: none.
        Data without timestamps has none."""
        time_regularization: float = Field(default=0.1, ge=0)
        """Of the biases in time, for each rating."""
        validation: float = Field(default=0.0, ge=0, lt=1)
        """Share of the ratings held out to stop early: the best epoch by their RMSE is kept."""
        patience: PositiveInt = 3
        """With `validation`: stop after so many epochs without a better one."""
        seed: int = Field(default=31337, ge=0, lt=2**32)

    config: Config

    def _learn(
        self, data: TrainingSet, hooks: Hooks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        rng = np.random.default_rng(self.config.seed)
        held = hold_out_ratings(data, self.config.validation, rng)
        rated = self._rated_items(held.train, rng)
        state = self._start(held.train, rng)
        self._curve: list[dict[str, float]] = []
        state = self._passes(state, held, rated, rng, hooks)
        return self._keep(state, rated)

    # What the models differ in.

    def _rated_items(self, data: TrainingSet, rng: np.random.Generator) -> RatedItems | None:
        """R(u), for models with implicit factors."""
        return None

    def _start(self, data: TrainingSet, rng: np.random.Generator) -> State:
        o, ratings = self.config, data.ratings
        (n_users, n_items), k = ratings.shape, o.factors
        drift = None
        if o.time_bins and data.timestamps is not None:
            users = entry_users(ratings)
            drift = TimeBiases.fresh(np.asarray(data.timestamps), users, n_items, o.time_bins)

        def drawn(n: int) -> NDArray[np.float32]:
            return o.spread * rng.standard_normal((n, k), dtype=np.float32)

        p = drawn(n_users) if self.uses_p else np.zeros((n_users, k), np.float32)
        q = drawn(n_items)
        if self.non_negative:
            # The product of two factors starts at the mean.
            level = np.sqrt(ratings.data.mean() / k)
            p, q = (level * (1 + np.abs(x)) / (1 + o.spread) for x in (p, q))
        return State(
            0.0 if self.non_negative else float(ratings.data.mean(dtype=np.float64)),
            np.zeros(n_users, np.float32),
            np.zeros(n_items, np.float32),
            np.asarray(p, np.float32),
            np.asarray(q, np.float32),
            np.zeros((n_items if self.implicit else 0, k), np.float32),
            drift,
        )

    @property
    def implicit_regularization(self) -> float:
        """Of implicit factors, for each rating."""
        return 0.0

    # The passes.

    def _passes(
        self,
        state: State,
        held: Held,
        rated: RatedItems | None,
        rng: np.random.Generator,
        hooks: Hooks,
    ) -> State:
        o, ratings = self.config, held.train.ratings
        run = _Pass(self, held.train, rated)
        best, best_error, best_epoch = state, np.inf, 0
        bar = tqdm(total=o.epochs, unit=" epochs", disable=not hooks.progress)
        with bar:
            for epoch in range(1, o.epochs + 1):
                rate = o.learning_rate * (1 - (epoch - 1) / o.epochs)
                started = time.perf_counter()
                total = run(state, rng, rate)
                met = float(np.sqrt(total / ratings.nnz))
                line = {
                    "epoch": epoch,
                    "train_rmse": met,
                    "seconds": time.perf_counter() - started,
                }
                if len(held.values):
                    error = held.rmse(*self._vectors(state, rated), self._drift_of(state, held))
                    line["validation_rmse"] = error
                    if error < best_error:
                        best, best_error, best_epoch = state.copy(), error, epoch
                self._curve.append(line)
                bar.update()
                bar.set_postfix_str(f"RMSE {met:.4f}", refresh=False)
                if not np.isfinite(met) or (len(held.values) and epoch - best_epoch >= o.patience):
                    break
        return best if len(held.values) else state

    def _drift_of(self, state: State, held: Held) -> NDArray[np.float32] | float:
        if state.time is None or held.timestamps is None:
            return 0.0
        return state.time.at(held.users, held.items, held.timestamps)

    # What is left of training.

    def _vectors(
        self, state: State, rated: RatedItems | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        users = state.p if rated is None else state.p + rated.sums(state.y)
        items = state.bi
        if state.time is not None:
            items = items + state.time.last(len(items))
        return with_biases(Biases(state.mean, state.bu, items), users, state.q)

    def _keep(
        self, state: State, rated: RatedItems | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._time, self._y = state.time, state.y
        self._own = state.p
        self._most = 0 if rated is None else rated.most
        users, items = self._vectors(state, rated)
        return users, items

    def _drift(
        self, users: NDArray[np.int64], items: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.float32] | float:
        return 0.0 if self._time is None else self._time.at(users, items, timestamps)

    def _prior_vectors(self) -> NDArray[np.float32]:
        # Without the implicit part, which a new user's items say without any doubt.
        users = self._users.copy()
        users[:, self.bias_columns :] = self._own
        return users

    def _fold_in(self, items: NDArray[np.int64], ratings: NDArray[Any]) -> NDArray[np.float32]:
        vectors = self._items[items]
        given = np.zeros(vectors.shape[1], np.float32)
        if len(self._y):
            given[self.bias_columns :] = implicit_sum(self._y, items, self._most)
        return given + self._prior.most_probable(vectors, ratings - vectors @ given)

    def metrics(self) -> dict[str, Any]:
        """The error of each epoch on the ratings it learned from, before each was learned."""
        return {"epochs": self._curve}

    def _read(self, directory: Path, about: dict[str, Any], data: TrainingSet) -> None:
        super()._read(directory, about, data)
        self._curve = about["metrics"]["epochs"]

    def _learned(self) -> Arrays:
        found: dict[str, NDArray[Any]] = {"list_size": np.array([self._most])}
        if len(self._y):
            found["implicit_factors"] = self._y
        if self._time is not None:
            found.update(self._time.arrays())
        return found

    def _set_learned(self, state: Arrays, data: TrainingSet) -> None:
        self._y = state.get("implicit_factors", np.zeros((0, self.config.factors), np.float32))
        self._most = int(state["list_size"][0])
        self._time = TimeBiases.of_arrays(state)


class _Pass:
    """The arguments of the kernel that do not change."""

    def __init__(self, model: SGDModel, data: TrainingSet, rated: RatedItems | None) -> None:
        self._model, self._data, self._rated = model, data, rated
        self._slots: NDArray[np.int32] | None = None

    def __call__(self, state: State, rng: np.random.Generator, rate: float) -> float:
        o, ratings = self._model.config, self._data.ratings
        rated = self._rated or RatedItems.none(ratings.shape[0])
        f = np.float32
        sizes = np.diff(ratings.indptr)
        flags = (
            (USE_P if self._model.uses_p else 0)
            | (NON_NEGATIVE if self._model.non_negative else 0)
            | (0 if self._model.non_negative else BIASED)
        )
        bt = np.zeros(1, np.float32) if state.time is None else state.time.values
        total: float = sgd_pass(
            rng.permutation(len(sizes)),
            (rng.random(len(sizes)) * sizes).astype(np.int64),
            ratings.indptr.astype(np.int64), ratings.indices.astype(np.int32, copy=False),
            ratings.data,
            self._all_slots(state), f(state.mean), state.bu, state.bi, bt, state.p, state.q,
            state.y, rated.indptr, rated.items, rated.norms, f(rate), f(o.regularization),
            f(o.bias_regularization), f(self._model.implicit_regularization),
            f(o.time_regularization), flags,
        )  # fmt: skip
        if state.time is not None:
            state.time.values[-1] = 0  # of days that are not there
        return total

    def _all_slots(self, state: State) -> NDArray[np.int32]:
        if self._slots is None:
            self._slots = np.empty((0, 2), np.int32)
            if state.time is not None:
                ratings = self._data.ratings
                assert self._data.timestamps is not None
                times = np.asarray(self._data.timestamps)
                self._slots = state.time.slots(
                    entry_users(ratings), ratings.indices.astype(np.int64), times
                )
        return self._slots
