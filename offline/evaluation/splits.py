"""How data is divided for an evaluation: what is learned from, what is asked for, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.splits import hold_out, where
from offline.data.training_set import TrainingSet
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.models.inputs import training_set

HELD_OUT_SHARE = 0.2
"""Of each user's likes, or of all that lie before the cut in time."""
SPLITS = ("published", "time", "random")
"""By name; where none is chosen, the first that the data allows."""
PUBLIC = ("published", "random")
"""The same for public data sets, whose published figures are of these."""


@dataclass(frozen=True, eq=False)
class Split:
    """A division of data, both parts with the same users and items."""

    name: str
    told: str
    """What was done, in a sentence."""
    train: TrainingSet
    """With timestamps only where the split is by time: else they say nothing about the test."""
    test: sparse.csr_matrix
    """Likes to be found, disjoint from `train`."""
    artists: NDArray[np.int64] | None


def split_of(
    data: Dataset, rng: np.random.Generator, name: str | None = None, among: Sequence[str] = SPLITS
) -> Split:
    """The split of that name; None: the first of `among` that the data allows.

    Raises InputError where the data does not allow the one that was asked for.
    """
    if name is None:
        possible = {
            "published": data.test is not None,
            "time": data.timestamps is not None and data.test is None,
            "random": data.test is None,
        }
        name = next(each for each in among if possible[each])
    return {"published": _published, "time": _by_time, "random": _random}[name](data, rng)


def _published(data: Dataset, _: np.random.Generator) -> Split:
    if data.test is None:
        raise InputError(f"{data.name}: comes without a split of its own: choose time or random")
    told = "published: the data's own train and test"
    return Split("published", told, training_set(data.train), data.test, data.artists)


def _random(data: Dataset, rng: np.random.Generator) -> Split:
    train, test = hold_out(data.whole, HELD_OUT_SHARE, rng)
    told = (
        f"random: {HELD_OUT_SHARE:.0%} of each user's likes are held out; models get no times, as "
        "what is asked for may lie anywhere in time"
    )
    return Split("random", told, training_set(train), test, data.artists)


def _by_time(data: Dataset, _: np.random.Generator) -> Split:
    times = data.timestamps
    if times is None:
        raise InputError(
            f"{data.name}: not every like has a timestamp, so there is no split by time: choose "
            "random"
        )
    matrix = data.train
    cut = int(np.partition(times, at := int((1 - HELD_OUT_SHARE) * len(times)))[at])
    before = times < cut
    train, later = where(matrix, before), where(matrix, ~before)
    old_users = np.diff(train.indptr) > 0
    old_items = np.bincount(train.indices, minlength=matrix.shape[1]) > 0
    users = np.repeat(old_users, np.diff(later.indptr))
    kept = users & old_items[later.indices]
    if not kept.any():
        raise InputError(
            f"{data.name}: no user with a like before {_shown(cut)} has a later one of an item "
            "known by then, so a split by time asks for nothing: choose random"
        )
    told = (
        f"time: learned from the {train.nnz:,} likes before {_shown(cut)}, asked for "
        f"{int(kept.sum()):,} of the {later.nnz:,} from then on; left out are "
        f"{int((~users).sum()):,} of users and {int((users & ~kept).sum()):,} of items that were "
        "new then"
    )
    return Split(
        "time", told, training_set(train, times[before]), where(later, kept), data.artists
    )


def _shown(ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
