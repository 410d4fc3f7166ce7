"""Two standard evaluation protocols, and every figure reported about the lists."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.splits import hold_out, hold_out_users
from offline.datasets.dataset import Dataset
from offline.errors import InputError
from offline.metrics.beyond_accuracy import (
    artist_diversity,
    average_popularity,
    coverage,
    exposure_gini,
    novelty,
)
from offline.metrics.ranking import Ranked
from offline.models.base import Hooks, Recommender

K = 20
"""Length of the lists that the metrics beyond accuracy are about."""
HELD_OUT_SHARE = 0.2
"""Of each user's interactions, where the data has no split of its own."""
HELD_OUT_USERS = 0.1
"""Of the users, for validation and for test each."""


@dataclass(frozen=True, eq=False)
class Measured:
    """The results of fitting one model and asking it for lists."""

    users: int
    """Users it was fitted on."""
    items: int
    interactions: int
    """Pairs it was fitted on."""
    test_users: int
    """Users that the metrics are about."""
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
    """Users are known, and some of their interactions are to be found, as in the LightGCN papers.

    recall@20 of all relevant items and NDCG@20, over the users with something to find. Where the
    data comes without a split, `rng` holds out 20 % of each user's interactions. Raises
    InputError where nothing can be held out, and what the model raises.
    """
    train, test = data.train, data.test
    if test is None:
        train, test = hold_out(data.train, HELD_OUT_SHARE, rng)
    rows = np.flatnonzero(np.diff(test.indptr))
    if not len(rows):
        raise InputError(f"{data.name}: no user has two interactions, so none can be held out")

    def lists() -> NDArray[np.int64]:
        return model.recommend(rows, K).ids

    def accuracy(ranked: Ranked) -> dict[str, NDArray[np.float64]]:
        return {"recall@20": ranked.recall(20), "ndcg@20": ranked.ndcg(20)}

    return _measure(model, train, lists, test[rows], accuracy, data.artists, hooks)


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
    return _measure(model, train, lists, test.held_out[rows], accuracy, artists, hooks)


PROTOCOLS: dict[str, Callable[..., Measured]] = {
    "same-users": same_users,
    "strong": strong_generalisation,
}


def _measure(
    model: Recommender,
    train: sparse.csr_matrix,
    lists_of: Callable[[], NDArray[np.int64]],
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
    n_users, n_items = train.shape
    popularity = np.bincount(train.indices, minlength=n_items)
    top = lists[:, :K]
    per_user[f"novelty@{K}"] = novelty(top, popularity, n_users)
    per_user[f"popularity@{K}"] = average_popularity(top, popularity)
    if artists is not None:
        per_user[f"artist_diversity@{K}"] = artist_diversity(top, artists)
    overall = {f"coverage@{K}": coverage(top, n_items), f"gini@{K}": exposure_gini(top, n_items)}
    return Measured(
        users=n_users,
        items=n_items,
        interactions=train.nnz,
        test_users=len(lists),
        per_user=per_user,
        overall=overall,
        seconds_to_train=trained - start,
        seconds_to_recommend=listed - trained,
    )
