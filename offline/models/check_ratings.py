"""Checks that every model of ratings passes besides those of every model."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse

from offline.models.check import check_model, refused, scattered, that
from offline.models.inputs import rating_set
from offline.models.ratings import RatingModel, Ratings

Make = Callable[[], RatingModel]


def check_rating_model(make: Make) -> None:
    """Run every check on a model of ratings, those of `check_model` first.

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
    >>> from offline.models.mf.truncated_svd import TruncatedSVD
    >>> from offline.testing import check_rating_model
    >>> check_rating_model(TruncatedSVD)
    """
    check_model(make)
    for check in RATING_CHECKS.values():
        check(make)


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Every user of `scattered` with every item."""
    users, items = np.indices((30, 50)).reshape(2, -1)
    return users, items


def predictions_are_products_on_the_scale(make: Make) -> None:
    """`predict` is the product of `factors`, clipped to the scale of the training data."""
    model = make().fit(scattered(rated=True))
    users, items = pairs()
    found, factors = model.predict(users, items), model.factors()
    that(factors.scale == (1.0, 5.0), "the scale is that of the training data")
    that(factors.users.shape[0] == 30, "a vector for each user")
    that(factors.items.shape == (50, factors.users.shape[1]), "a vector for each item")
    for array in (found.values, factors.users, factors.items):
        that(array.dtype == np.float32, "float32")
        that(np.isfinite(array).all(), "finite numbers")
    products = (factors.users @ factors.items.T).ravel()
    _near(found.values, np.clip(products, 1, 5), "clipped products")


def ranking_is_by_the_prediction(make: Make) -> None:
    """Lists are in the order of predictions that are not clipped."""
    model = make().fit(scattered(rated=True))
    factors, lists = model.factors(), model.recommend(np.arange(30), 10)
    for user in (0, 29):
        row = factors.items[lists.ids[user]] @ factors.users[user]
        _near(lists.scores[user], row, "scores are the products")


def errors_are_standard_errors(make: Make) -> None:
    """None, or one for each prediction, above 0."""
    model = make().fit(scattered(rated=True))
    errors = model.predict(*pairs()).errors
    if errors is not None:
        that(errors.shape == (1500,), "one for each pair")
        that(bool((errors > 0).all() and np.isfinite(errors).all()), "above 0 and finite")


def a_new_user_is_folded_in(make: Make) -> None:
    """A vector like the others; without ratings that of an average user; nothing is changed."""
    model = make().fit(scattered(rated=True))
    factors = model.factors()
    before = factors.users.copy(), factors.items.copy()
    items = np.array([30, 4, 17])
    found = model.fold_in(items, np.array([5.0, 1.0, 3.0]))
    that(found.shape == factors.users[0].shape, "as long as the known users'")
    that(bool(np.isfinite(found).all()), "finite")
    again = model.fold_in(items[::-1], np.array([3.0, 1.0, 5.0]))
    _near(found, again, "whatever the order of the ratings")
    that(bool(np.isfinite(model.fold_in(items[:0], np.empty(0))).all()), "of no rating")
    high = model.fold_in(items, np.array([5.0, 5.0, 5.0])) @ factors.items.T
    low = model.fold_in(items, np.array([1.0, 1.0, 1.0])) @ factors.items.T
    that(high[items].mean() > low[items].mean(), "who rates high is predicted to rate high")
    same = all(map(np.array_equal, before, (model.factors().users, model.factors().items)))
    that(same, "folding in must change nothing")


def a_saved_model_predicts_the_same(make: Make) -> None:
    """Predictions, errors and new users of a loaded model are those of the saved one."""
    matrix = scattered(rated=True)
    times = 1_700_000_000_000 + np.random.default_rng(1).integers(10**10, size=matrix.nnz)
    model = make().fit(rating_set(matrix, times))
    with tempfile.TemporaryDirectory() as place:
        model.save(Path(place) / "model")
        again = type(model).load(Path(place) / "model")
        users, items = pairs()
        when = np.resize(times, len(users))
        for given in (None, when):
            found = again.predict(users, items, given)
            _same(found, model.predict(users, items, given))
        few = np.array([4, 9]), np.array([5.0, 2.0])
        _near(again.fold_in(*few), model.fold_in(*few), "the same new user")
        that(np.array_equal(again.data.ratings.data, matrix.data), "the ratings are kept")


def what_is_unknown_is_predicted_too(make: Make) -> None:
    """An item or a user without a rating, and a user with one, get a prediction on the scale."""
    matrix = scattered(rated=True).tolil()
    matrix[7] = 0
    matrix[7, 4] = 5
    model = make().fit(sparse.csr_matrix(matrix))
    found = model.predict(np.array([0, 3, 3, 7]), np.array([11, 4, 11, 20])).values
    that(bool(((found >= 1) & (found <= 5)).all()), "on the scale")


def a_rating_of_zero_is_a_rating(make: Make) -> None:
    """Scales may begin at 0 or below it."""
    matrix = scattered(rated=True)
    matrix.data -= 3  # explicit zeros stay stored
    model = make().fit(matrix)
    that(model.factors().scale == (-2.0, 2.0), "the scale is -2 to 2")
    that(bool(np.isfinite(model.predict(*pairs()).values).all()), "finite predictions")


def bad_ratings_are_refused(make: Make) -> None:
    """An InputError that says what to change."""
    model = make()
    matrix = scattered(rated=True)
    refused(lambda: model.factors(), "has not been fitted")
    equal = matrix.copy()
    equal.data[:] = 4
    refused(lambda: model.fit(equal), "ratings are 4")
    wrong = matrix.copy()
    wrong.data[3] = np.nan
    refused(lambda: model.fit(wrong), "is nan")
    model.fit(matrix)
    one = np.array([1])
    for user, item, words in ((30, 0, "user 30"), (-1, 0, "user -1"), (0, 50, "item 50")):
        refused(partial(model.predict, one * user, one * item), words)
    refused(lambda: model.predict(one, np.array([1, 2])), "for every pair")
    refused(lambda: model.fold_in(one, np.array([6.0])), "a rating of 6")
    refused(lambda: model.fold_in(one, np.array([np.nan])), "a rating of nan")
    refused(lambda: model.fold_in(one * 50, np.array([5.0])), "item 50")
    refused(lambda: model.fold_in(np.array([1, 1]), np.array([5.0, 4.0])), "twice")
    refused(lambda: model.fold_in(np.array([1, 2]), np.array([5.0])), "one for each")


def _near(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    that(np.allclose(found, expected, atol=1e-4), f"{what}: {found} is not {expected}")


def _same(found: Ratings, expected: Ratings) -> None:
    that(np.array_equal(found.values, expected.values), "the same predictions")
    both = found.errors is None and expected.errors is None
    equal = both or np.array_equal(found.errors, expected.errors)  # type: ignore[arg-type]
    that(equal, "the same standard errors")


RATING_CHECKS: dict[str, Callable[[Make], None]] = {
    check.__name__: check
    for check in (
        predictions_are_products_on_the_scale,
        ranking_is_by_the_prediction,
        errors_are_standard_errors,
        a_new_user_is_folded_in,
        a_saved_model_predicts_the_same,
        what_is_unknown_is_predicted_too,
        a_rating_of_zero_is_a_rating,
        bad_ratings_are_refused,
    )
}
"""By name, for a test that runs each alone."""
