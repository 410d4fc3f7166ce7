"""Ratings held out of training, to stop it early: of the training data, never of the test's."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.mf.time_biases import entry_users


class Held(NamedTuple):
    """What is learned from, and the ratings held out."""

    train: TrainingSet
    """With the users and items of the whole."""
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float32]
    timestamps: NDArray[np.int64] | None

    def rmse(
        self,
        users: NDArray[np.float32],
        items: NDArray[np.float32],
        drift: NDArray[np.float32] | float = 0.0,
    ) -> float:
        """Of the products of these vectors, clipped to the scale."""
        expected = (users[self.users] * items[self.items]).sum(axis=1) + drift
        clipped = np.clip(expected, *self.train.scale)
        return float(np.sqrt(np.mean((self.values - clipped) ** 2, dtype=np.float64)))


def without_ratings(data: TrainingSet, held: NDArray[np.bool_]) -> Held:
    """Hold out some ratings, a mask of shape (nnz,); users and items keep their numbers.

    Raises InputError where nothing is left.
    """
    if held.all():
        raise InputError("every rating is held out: nothing is left to learn from")
    ratings, users = data.ratings, entry_users(data.ratings)
    kept = ~held
    counts = np.bincount(users[kept], minlength=ratings.shape[0])
    bounds = np.concatenate([[0], np.cumsum(counts)])
    times = None if data.timestamps is None else np.asarray(data.timestamps)
    train = replace(
        data,
        histories=InteractionMatrix(bounds, ratings.indices[kept], ratings.shape[1]),
        values=ratings.data[kept],
        timestamps=None if times is None else times[kept],
    )
    return Held(
        train,
        users[held],
        ratings.indices[held].astype(np.int64),
        ratings.data[held],
        None if times is None else times[held],
    )


def hold_out_ratings(data: TrainingSet, share: float, rng: np.random.Generator) -> Held:
    """Hold out a share of all ratings, at random; 0: none."""
    n = data.ratings.nnz
    count = min(n - 1, round(share * n))
    if not count:
        none = np.empty(0, np.int64)
        times = None if data.timestamps is None else none
        return Held(data, none, none, np.empty(0, np.float32), times)
    held = np.zeros(n, dtype=bool)
    held[rng.choice(n, count, replace=False)] = True
    return without_ratings(data, held)
