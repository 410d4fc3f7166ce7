"""Cross-validation of models of ratings: every rating is predicted once, by what knows it not."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from tqdm import tqdm

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.metrics.intervals import Estimate
from offline.metrics.rating import RatingErrors, rating_errors
from offline.models.mf.biases import damped_biases
from offline.models.mf.validation import Held, without_ratings
from offline.models.ratings import RatingModel

PROTOCOL = "ratings"
FOLDS = 5


class Fold(NamedTuple):
    """One part: learned from the others, measured on the whole of this one."""

    errors: RatingErrors
    of_biases: RatingErrors
    """Of damped biases of users and items, learned from the same."""
    pairs: int
    new_users: int
    """Pairs whose user has no rating to learn from."""
    new_items: int
    seconds_to_train: float
    seconds_to_predict: float


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """The result of all folds."""

    folds: tuple[Fold, ...]
    ratings: int
    users: int
    items: int
    scale: tuple[float, float]

    def estimate(self, metric: str) -> Estimate:
        """Mean over folds of `mse`, `rmse` or `mae`, and half its 95 % interval by Student's t.

        Folds share what they learn from, so that it is somewhat too narrow.
        """
        values = np.array([getattr(fold.errors, metric) for fold in self.folds])
        n = len(values)
        half = float(student.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / n**0.5
        return Estimate(float(values.mean()), half)


def folds_of(n: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each rating, shape (n,): as many in each, give or take one, by the seed."""
    return np.random.default_rng(seed).permutation(n) % folds


def cross_validate(
    make: Callable[[], RatingModel],
    data: TrainingSet,
    folds: int = FOLDS,
    seed: int = 31337,
    progress: bool = False,
) -> CrossValidated:
    """Fit a model for each fold on the others, and measure its clipped predictions.

    Parameters
    ----------
    make : callable
        Gives a model that is not fitted.
    data : TrainingSet
        With `values`.
    folds : int, default 5
    seed : int
        Of the folds.
    progress : bool, default False
        Whether to show a bar.

    Returns
    -------
    CrossValidated

    Raises
    ------
    InputError
        For fewer than 2 folds, fewer ratings than folds, and what the model raises.
    """
    n = data.ratings.nnz
    if not 2 <= folds <= n:
        raise InputError(
            f"{folds} folds of {n:,} ratings: choose 2 or more, and no more than that"
        )
    fold_of = folds_of(n, folds, seed)
    # Models that fit on one core fit side by side; others use all of them for one.
    workers = len(os.sched_getaffinity(0)) if make().one_core else 1

    def measured(number: int) -> Fold:
        found = _measured(make(), without_ratings(data, fold_of == number))
        bar.update()
        return found

    with (
        tqdm(total=folds, unit=" folds", disable=not progress) as bar,
        ThreadPoolExecutor(min(workers, folds)) as pool,
    ):
        parts = tuple(pool.map(measured, range(folds)))
    users, items = data.ratings.shape
    return CrossValidated(parts, n, users, items, data.scale)


def _measured(model: RatingModel, held: Held) -> Fold:
    started = time.perf_counter()
    model.fit(held.train)
    fitted = time.perf_counter()
    found = model.predict(held.users, held.items, held.timestamps)
    predicted = time.perf_counter()
    plain = damped_biases(held.train.ratings).of_pairs(held.users, held.items)
    new_users = held.train.histories.sizes[held.users] == 0
    new_items = ~model.known_items[held.items]
    return Fold(
        rating_errors(found.values, held.values),
        rating_errors(np.clip(plain, *held.train.scale), held.values),
        len(held.values),
        int(new_users.sum()),
        int(new_items.sum()),
        fitted - started,
        predicted - fitted,
    )
