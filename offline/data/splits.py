"""Which interactions training holds out to measure itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import Histories
from offline.errors import InputError
from offline.options import TrainOptions


class HeldOut(NamedTuple):
    """What is learned from, and what the result is asked for."""

    train: Histories
    users: NDArray[np.int64]
    """Those with held-out interactions, sorted: rows of the two matrices."""
    seen: sparse.csr_matrix
    """What these users keep."""
    wanted: sparse.csr_matrix
    """What is held out of theirs."""


def held_out(histories: Histories, options: TrainOptions, rng: np.random.Generator) -> HeldOut:
    """Hold out `held_out_share` of the interactions of `held_out_users` of the users.

    Only users with two or more interactions can be chosen; each of them keeps
    at least one and gives at least one. Raises InputError where there are none.
    """
    sizes = histories.sizes
    able = np.flatnonzero(sizes >= 2)
    if not len(able):
        raise InputError(
            "no user has two interactions, so none can be held out: collect more sessions"
        )
    count = min(max(1, round(options.held_out_users * len(able))), options.held_out_most)
    users = np.sort(rng.choice(able, size=count, replace=False))
    entries = np.concatenate(
        [
            histories.indptr[user]
            + np.sort(rng.choice(size, size=_given(size, options), replace=False))
            for user, size in zip(users.tolist(), sizes[users].tolist(), strict=True)
        ]
    )
    train = histories.without(entries.astype(np.int64))
    whole = histories.take(users)
    seen = train.take(users)
    return HeldOut(train, users, seen, (whole - seen).tocsr())


def _given(size: int, options: TrainOptions) -> int:
    return min(max(1, round(options.held_out_share * size)), size - 1)
