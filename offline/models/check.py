"""Checks that every model passes: `check_model` for your own, as Gymnasium has `check_env`.

They need no test framework: a failed one is an AssertionError that says what was expected.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse

from offline.errors import InputError
from offline.models.base import Recommender
from offline.models.inputs import in_order, rating_set, training_set
from offline.models.top_n import TopN

Make = Callable[[], Recommender]
_USERS = np.arange(30)


def check_model(make: Make) -> None:
    """Run every check on a model; each fits a fresh one on small data.

    It is of ratings for a model of ratings, which has more checks: `check_rating_model`.

    Parameters
    ----------
    make : callable
        Gives a model that is not fitted; a model class with defaults will do.

    Raises
    ------
    AssertionError
        For the first check that fails; says what was expected.

    Examples
    --------
    >>> from offline.models.popular import Popular
    >>> from offline.testing import check_model
    >>> check_model(Popular)
    """
    for check in CHECKS.values():
        check(make)


def scattered(rated: bool = False) -> sparse.csr_matrix:
    """30 users by 50 items with chance likes, some items more liked than others; user 3 has none.

    Item 11 is nobody's. `rated`: entries are ratings of 1 to 5, else 1.
    """
    rng = np.random.default_rng(8)
    dense = rng.random((30, 50)) < rng.uniform(0.05, 0.4, 50)
    dense[3] = dense[:, 11] = False
    return _rated(sparse.csr_matrix(dense.astype(np.float32)), rated)


def checkerboard(n: int = 40, rated: bool = False) -> sparse.csr_matrix:
    """Users and items of two camps, even and odd; user u has all items of the camp but item u."""
    users, items = np.indices((n, n))
    dense = (users % 2 == items % 2) & (users != items)
    return _rated(sparse.csr_matrix(dense.astype(np.float32)), rated)


def _rated(matrix: sparse.csr_matrix, rated: bool) -> sparse.csr_matrix:
    if rated:
        matrix.data[:] = np.random.default_rng(9).integers(1, 6, matrix.nnz)
    return matrix


def _rates(make: Make) -> bool:
    return make().learns_from == "ratings"


def lists_are_the_best_scores_in_order(make: Make) -> None:
    """Ids are the highest scores, best first, and `scores` are theirs."""
    model = make().fit(scattered(_rates(make)))
    found = model.recommend(_USERS, len(_ranked(model)), exclude_seen=False)
    that((np.diff(found.scores, axis=1) <= 0).all(), "scores must not rise along a list")
    that(np.isfinite(found.scores).all(), "scores must be finite")
    ties = np.diff(found.scores, axis=1) == 0
    that((np.diff(found.ids, axis=1)[ties] > 0).all(), "of equal scores the smaller id is first")
    first = model.recommend(_USERS, 7, exclude_seen=False)
    _same(first, TopN(found.ids[:, :7], found.scores[:, :7]), "a shorter list is the longer's top")


def seen_items_come_back_only_when_asked_for(make: Make) -> None:
    """`exclude_seen` leaves out exactly what the user was fitted with; shorter lists end in -1."""
    matrix = scattered(_rates(make))
    model = make().fit(matrix)
    lists, whole = model.recommend(_USERS, 60), model.recommend(_USERS, 60, exclude_seen=False)
    items = _ranked(model)
    for user in _USERS:
        unseen = items - set(matrix[[user]].indices.tolist())
        left = len(unseen)
        ids, everything = lists.ids[user].tolist(), whole.ids[user].tolist()
        that(set(ids[:left]) == unseen, f"user {user}: all unseen items, once each")
        that(set(ids[left:]) == {-1}, f"user {user}: -1 where no item is left")
        that(set(everything[: len(items)]) == items, "all items that somebody liked, once each")
        that(bool((lists.scores[user, left:] == -np.inf).all()), "-inf where no item is left")


def a_user_without_items_gets_the_most_popular(make: Make) -> None:
    """Most users first, ties by id; for new users too."""
    matrix = scattered(_rates(make))
    counts = np.bincount(matrix.indices, minlength=50)
    expected = np.argsort(-counts, kind="stable")[:10].tolist()
    model = make().fit(matrix)
    found = model.recommend(np.array([3]), 10)
    that(found.ids[0].tolist() == expected, "a user without items gets the most popular ones")
    if model.folds_in:
        nothing = sparse.csr_matrix(np.zeros((2, 50), np.float32))
        that(model.recommend_for(nothing, 10).ids[1].tolist() == expected, "a new one too")


def one_seed_gives_one_result(make: Make) -> None:
    """Two models with the same options give the same lists."""
    one, two = (make().fit(scattered(_rates(make))).recommend(_USERS, 20) for _ in range(2))
    _same(one, two, "the same options must give the same lists")


def fitting_again_starts_anew(make: Make) -> None:
    """Nothing is left of what was fitted before."""
    model = make().fit(checkerboard(rated=_rates(make)))
    expected = make().fit(scattered(_rates(make))).recommend(_USERS, 20)
    _same(
        model.fit(scattered(_rates(make))).recommend(_USERS, 20), expected, "fit must start anew"
    )


def others_asked_for_change_nothing(make: Make) -> None:
    """A user's list is the same alone, among others, and in blocks of any size."""
    model = make().fit(scattered(_rates(make)))
    whole = model.recommend(_USERS, 20)
    some = np.array([29, 0, 7, 7])
    _same(model.recommend(some, 20), TopN(whole.ids[some], whole.scores[some]), "among others")
    for rows in (1, 7):
        model.block = rows * 50 + 1
        found = model.recommend(_USERS, 20)
        that((found.ids == whole.ids).all(), f"blocks of {rows} users must give the same lists")


def users_known_by_their_history_alone(make: Make) -> None:
    """A model that folds in gives a history the same list, whoever's it is."""
    matrix = scattered(_rates(make))
    model = make().fit(matrix)
    if model.learns_from == "ratings":
        return  # a new user's vector may be another than one learned together with the items'
    if model.folds_in:
        known = model.recommend(_USERS, 20)
        _same(model.recommend_for(matrix, 20), known, "recommend_for must agree with recommend")
        return
    refused(lambda: model.recommend_for(matrix, 20), "only for users it was fitted on")


def input_is_left_as_it_was(make: Make) -> None:
    """The order of entries says nothing, and the caller's matrix is not changed."""
    matrix = scattered(_rates(make))
    for user in range(30):  # ids in falling order: sorting them in place would show
        row = slice(matrix.indptr[user], matrix.indptr[user + 1])
        for array in (matrix.indices, matrix.data):
            array[row] = array[row][::-1].copy()
    matrix.has_sorted_indices = False
    before = matrix.copy()
    model = make().fit(matrix)
    lists = model.recommend(_USERS, 5)
    if model.folds_in:
        model.recommend_for(matrix, 5)
    for name in ("data", "indices", "indptr"):
        same = np.array_equal(getattr(matrix, name), getattr(before, name))
        that(same, f"the matrix's {name} must be left as they were")
    expected = make().fit(scattered(_rates(make))).recommend(_USERS, 5)
    _same(lists, expected, "the order of entries must not matter")


def timestamps_are_taken(make: Make) -> None:
    """Data with timestamps can be learned from, saved and loaded."""
    matrix = scattered(_rates(make))
    times = 1_700_000_000_000 + np.random.default_rng(1).integers(10**9, size=matrix.nnz)
    data = rating_set(matrix, times) if _rates(make) else training_set(matrix, times)
    model = make().fit(data)
    expected = model.recommend(_USERS, 20)
    _same(_loaded(model).recommend(_USERS, 20), expected, "a loaded model must give the same")
    if model.folds_in and model.learns_from == "likes":
        found = model.recommend_for(matrix, 20, timestamps=in_order(matrix, times)[1])
        _same(found, expected, "recommend_for with timestamps must agree with recommend")


def similar_items_are_others(make: Make) -> None:
    """Never the item itself, nor one that nobody liked; best first, ended by -1."""
    matrix = scattered(_rates(make))
    liked = set(matrix.indices.tolist())
    model = make().fit(matrix)
    found = model.similar_items(np.array([11, 4, 0]), 60)
    that(found.ids.shape == found.scores.shape == (3, 60), "a row for each item")
    that(set(found.ids[0].tolist()) == {-1}, "an item that nobody liked has no similar ones")
    for row, item in ((1, 4), (2, 0)):
        ids, others = found.ids[row].tolist(), liked - {item}
        that(set(ids[: len(others)]) == others, "all others that somebody liked, once each")
        that(set(ids[len(others) :]) == {-1}, "-1 where no item is left")
        that((np.diff(found.scores[row, : len(others)]) <= 0).all(), "best first")
    refused(lambda: model.similar_items(np.array([50]), 5), "items 0 to 49")


def item_vectors_fit_the_items(make: Make) -> None:
    """A row of finite numbers for each item, if the model has them."""
    vectors = make().fit(scattered(_rates(make))).item_vectors
    if vectors is not None:
        that(vectors.ndim == 2 and len(vectors) == 50, "item_vectors: shape (n_items, d)")
        that(np.isfinite(vectors).all(), "item_vectors: finite numbers")


def a_saved_model_gives_the_same(make: Make) -> None:
    """Lists, similar items, config and metrics of a loaded model are those of the saved one."""
    model = make().fit(scattered(_rates(make)))
    again = _loaded(model)
    that(again.config == model.config, "the config must be loaded as it was saved")
    that(again.metrics() == model.metrics(), "the metrics must be loaded as they were saved")
    items = np.arange(50)
    for seen in (True, False):
        expected = model.recommend(_USERS, 20, exclude_seen=seen)
        _same(again.recommend(_USERS, 20, exclude_seen=seen), expected, "the same lists")
    _same(again.similar_items(items, 9), model.similar_items(items, 9), "the same neighbours")
    _same(_loaded(again).recommend(_USERS, 20), model.recommend(_USERS, 20), "saved once more")


def bad_questions_are_refused(make: Make) -> None:
    """An InputError that says what to change: not fitted, unknown users, lists of no items."""
    model = make()
    refused(lambda: model.recommend(np.array([0]), 5), "has not been fitted")
    refused(lambda: model.fit(sparse.csr_matrix(np.zeros((4, 6)))), "no interactions")
    model.fit(scattered(_rates(make)))
    for user in (-1, 30):
        refused(partial(model.recommend, np.array([0, user]), 5), f"user {user}:")
    refused(lambda: model.recommend(np.array([0]), 0), "a list of 0 items")
    empty = model.recommend(np.array([], dtype=np.int64), 5)
    that(empty.ids.shape == empty.scores.shape == (0, 5), "nobody asked for: no lists")


def _ranked(model: Recommender) -> set[int]:
    """The items that lists may have."""
    return set(range(50) if model.ranks_new_items else np.flatnonzero(model.known_items).tolist())


def that(holds: object, expected: str) -> None:
    """Raises AssertionError, which says what was expected, unless it holds."""
    if not holds:
        raise AssertionError(expected)


def _same(found: TopN, expected: TopN, what: str) -> None:
    that(np.array_equal(found.ids, expected.ids), f"{what}: other ids")
    that(np.array_equal(found.scores, expected.scores), f"{what}: other scores")


def refused(call: Callable[[], object], words: str) -> None:
    """Raises AssertionError unless the call raises an InputError with these words."""
    try:
        call()
    except InputError as error:
        that(words in str(error), f"an InputError with {words!r}, not {str(error)!r}")
    else:
        raise AssertionError(f"an InputError with {words!r}, but nothing was raised")


def _loaded(model: Recommender) -> Recommender:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "model"
        model.save(directory)
        return type(model).load(directory)


CHECKS: dict[str, Callable[[Make], None]] = {
    check.__name__: check
    for check in (
        lists_are_the_best_scores_in_order,
        seen_items_come_back_only_when_asked_for,
        a_user_without_items_gets_the_most_popular,
        one_seed_gives_one_result,
        fitting_again_starts_anew,
        others_asked_for_change_nothing,
        users_known_by_their_history_alone,
        input_is_left_as_it_was,
        timestamps_are_taken,
        similar_items_are_others,
        item_vectors_fit_the_items,
        a_saved_model_gives_the_same,
        bad_questions_are_refused,
    )
}
"""By name, for a test that runs each alone."""
