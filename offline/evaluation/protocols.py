"""Two standard evaluation protocols, and every figure reported about the lists."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.splits import hold_out_users
from offline.data.training_set import TrainingSet
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.evaluation.splits import HELD_OUT_SHARE, PUBLIC, SPLITS, Split, split_of
from offline.metrics.beyond_accuracy import (
    artist_diversity,
    average_popularity,
    coverage,
    exposure_gini,
    novelty,
)
from offline.metrics.ranking import Ranked
from offline.models.base import Hooks, Recommender
from offline.models.inputs import training_set

K = 20
"""Length of the lists that the metrics beyond accuracy are about."""
HELD_OUT_USERS = 0.1
"""Of the users, for validation and for test each."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The results of fitting one model and asking it for lists."""

    users: int
    """Users it was fitted on, those without a like left out."""
    items: int
    interactions: int
    """Pairs it was fitted on."""
    test_users: int
    """Users that the metrics are about."""
    with_short_choice: int
    """Of these, users to whom no more than K items can be offered: any full list has them all."""
    per_user: dict[str, NDArray[np.float64]]
    """By name, such as `recall@20`: a value for each test user; NaN where one has none."""
    overall: dict[str, float]
    """Values that belong to all lists together."""
    seconds_to_train: float
    seconds_to_recommend: float
    """For the lists of all test users, what they have seen left out."""


def same_users(
    model: Recommender, data: Dataset, rng: np.random.Generator, hooks: Hooks | None = None
) -> Measured:
    """`known_users` on the split that the data comes with, else on a random one."""
    split = split_of(data, rng, among=PUBLIC)
    return known_users(model, split, hooks)


def known_users(model: Recommender, split: Split, hooks: Hooks | None = None) -> Measured:
    """Users are known, and some of their interactions are to be found, as in the LightGCN papers.

    recall@20 of all relevant items and NDCG@20, over the users with something to find. Raises
    InputError where nothing is held out, and what the model raises.
    """
    rows = np.flatnonzero(np.diff(split.test.indptr))
    if not len(rows):
        raise InputError("no user has two interactions, so none can be held out")

    def lists() -> NDArray[np.int64]:
        return model.recommend(rows, K).ids

    def accuracy(ranked: Ranked) -> dict[str, NDArray[np.float64]]:
        return {"recall@20": ranked.recall(20), "ndcg@20": ranked.ndcg(20)}

    seen = split.train.histories.sizes[rows]
    relevant = split.test[rows]
    return _measure(model, split.train, lists, seen, relevant, accuracy, split.artists, hooks)


def strong_generalisation(
    model: Recommender, data: Dataset, rng: np.random.Generator, hooks: Hooks | None = None
) -> Measured:
    """Users are new, and known by 80 % of what they liked: Liang et al. (WWW 2018).

    Recall@20 and recall@50 of min(k, relevant items), and NDCG@100, over the test users of
    `hold_out_users`. Raises InputError for a model that cannot fold in (before it is trained), for
    data too small to split, and what the model raises.
    """
    model.check_folds_in()
    train, _, test, items = hold_out_users(data.whole, HELD_OUT_USERS, HELD_OUT_SHARE, rng)
    rows = np.flatnonzero(np.diff(test.held_out.indptr))

    def lists() -> NDArray[np.int64]:
        return model.recommend_for(test.seen[rows], 100).ids

    def accuracy(ranked: Ranked) -> dict[str, NDArray[np.float64]]:
        return {
            "recall@20": ranked.capped_recall(20),
            "recall@50": ranked.capped_recall(50),
            "ndcg@100": ranked.ndcg(100),
        }

    artists = None if data.artists is None else data.artists[items]
    known = training_set(train)
    seen, relevant = np.diff(test.seen[rows].indptr), test.held_out[rows]
    return _measure(model, known, lists, seen, relevant, accuracy, artists, hooks)


PROTOCOLS = ("same-users", "strong")


class Evaluated(NamedTuple):
    """What was found, and how the data was divided."""

    measured: Measured
    told: str


def measure(
    model: Recommender,
    data: Dataset,
    protocol: str,
    split: str | None,
    seed: int,
    hooks: Hooks | None = None,
    among: Sequence[str] = SPLITS,
) -> Evaluated:
    """Measure a model by one of `PROTOCOLS`; for `same-users`, on a split as `split_of` gives it.

    Raises InputError for a split that the data does not allow, and what the protocols raise.
    """
    rng = np.random.default_rng(seed)
    if protocol == "strong":
        told = (
            f"strong: {HELD_OUT_USERS:.0%} of the users are new to the model, and "
            f"{HELD_OUT_SHARE:.0%} of their likes are asked for, given the others"
        )
        return Evaluated(strong_generalisation(model, data, rng, hooks), told)
    division = split_of(data, rng, split, among)
    return Evaluated(known_users(model, division, hooks), division.told)


def _measure(
    model: Recommender,
    train: TrainingSet,
    lists_of: Callable[[], NDArray[np.int64]],
    seen: NDArray[np.int64],
    relevant: sparse.csr_matrix,
    accuracy: Callable[[Ranked], dict[str, NDArray[np.float64]]],
    artists: NDArray[np.int64] | None,
    hooks: Hooks | None,
) -> Measured:
    start = time.perf_counter()
    model.fit(train, hooks)
    trained = time.perf_counter()
    lists = lists_of()
    listed = time.perf_counter()

    per_user = accuracy(Ranked(lists, relevant))
    n_users, n_items = int((train.histories.sizes > 0).sum()), train.histories.n_tracks
    popularity = train.histories.popularity()
    top = lists[:, :K]
    per_user[f"novelty@{K}"] = novelty(top, popularity, n_users)
    per_user[f"popularity@{K}"] = average_popularity(top, popularity)
    if artists is not None:
        per_user[f"artist_diversity@{K}"] = artist_diversity(top, artists)
    overall = {f"coverage@{K}": coverage(top, n_items), f"gini@{K}": exposure_gini(top, n_items)}
    return Measured(
        users=n_users,
        items=n_items,
        interactions=int(train.histories.sizes.sum()),
        test_users=len(lists),
        with_short_choice=int((n_items - seen <= K).sum()),
        per_user=per_user,
        overall=overall,
        seconds_to_train=trained - start,
        seconds_to_recommend=listed - trained,
    )
