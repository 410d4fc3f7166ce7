"""The second capability of models: predicted ratings, and vectors whose products they are."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.base import Hooks, Recommender
from offline.models.fold_in import Prior, noise_of
from offline.models.inputs import rating_set, ratings_in_order
from offline.models.storage import Arrays

_BLOCK = 2**20


class Ratings(NamedTuple):
    """Predictions of some pairs of user and item, shape (n,) each."""

    values: NDArray[np.float32]
    """Clipped to the scale of the training data."""
    errors: NDArray[np.float32] | None
    """Standard error of each, of the expected rating; None where the model has none."""


class Factors(NamedTuple):
    """A model as vectors: the prediction, not clipped, is `users[u] @ items[i]`.

    Biases and the mean ride along as columns of their own.
    """

    users: NDArray[np.float32]
    """Shape (n_users, k)."""
    items: NDArray[np.float32]
    """Shape (n_items, k)."""
    scale: tuple[float, float]
    """The lowest and the highest rating of the training data."""


class RatingModel(Recommender):
    """Learns from ratings, predicts them, and ranks items by the prediction, not clipped.

    A subclass has a `name` and a `Config`, and implements `_learn`; the rest is here. What it is
    fitted on is a matrix of ratings, or a TrainingSet with `values`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import make_model
    >>> ratings = sparse.csr_matrix([[5, 4, 0], [0, 4, 1], [5, 0, 1]])
    >>> model = make_model("truncated-svd", {"factors": 1, "centred": True}).fit(ratings)
    >>> model.predict(np.array([0]), np.array([2])).values.round(1)
    array([2.3], dtype=float32)
    >>> user = model.fold_in(np.array([0, 1]), np.array([5, 4]))
    >>> (model.factors().items @ user).round(1)
    array([4.2, 3.7, 2.3], dtype=float32)
    """

    learns_from: ClassVar[Literal["likes", "ratings"]] = "ratings"
    bias_columns: ClassVar[int] = 2
    """How many columns of the factors, the first ones, are the mean and the biases."""
    one_core: ClassVar[bool] = False
    """Whether it is fitted on one core, and several may be fitted at a time, in threads."""

    # What it answers.

    def predict(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        timestamps: NDArray[np.int64] | None = None,
    ) -> Ratings:
        """The ratings that users would give items.

        Parameters
        ----------
        users, items : arrays of int64, shape (n,)
            Rows and columns of the fitted data. A user or an item without a rating there has
            the model's prior: a bias of 0 and factors of 0, for models that have biases.
        timestamps : array of int64, shape (n,), optional
            When they would, ms since the epoch, for models whose biases change in time; None:
            at the end of the training data.

        Returns
        -------
        Ratings
            Clipped to the scale of the training data.

        Raises
        ------
        InputError
            For arrays of different lengths, and a user or an item that was not fitted.
        """
        factors = self.factors()
        users, items = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
        if users.shape != items.shape or users.ndim != 1:
            raise InputError(
                f"users of shape {users.shape}, items of shape {items.shape}: give one of each "
                "for every pair"
            )
        for what, asked, rows in (("user", users, factors.users), ("item", items, factors.items)):
            outside = (asked < 0) | (asked >= len(rows))
            if outside.any():
                raise InputError(
                    f"{what} {asked[outside][0]}: the model was fitted on {what}s 0 to "
                    f"{len(rows) - 1}"
                )
        values = np.empty(len(users), np.float32)
        for at in range(0, len(users), _BLOCK):
            some = slice(at, at + _BLOCK)
            values[some] = (factors.users[users[some]] * factors.items[items[some]]).sum(axis=1)
        if timestamps is not None:
            values += self._drift(users, items, np.asarray(timestamps, dtype=np.int64))
        return Ratings(np.clip(values, *factors.scale), self._errors(users, items))

    def fold_in(self, items: NDArray[np.int64], ratings: NDArray[Any]) -> NDArray[np.float32]:
        """The vector of a new user, from ratings of some items; the model is left as it is.

        Parameters
        ----------
        items : array of int64, shape (m,)
            Columns of the fitted data, each once. None at all: the average user.
        ratings : array, shape (m,)
            On the scale of the training data.

        Returns
        -------
        array of float32, shape (k,)
            Its products with `factors().items` are the predictions, not clipped.

        Raises
        ------
        InputError
            For an unknown item, one that is there twice, and a rating outside the scale.
        """
        items, ratings = np.asarray(items, dtype=np.int64), np.asarray(ratings, dtype=np.float64)
        low, high = self.factors().scale
        if items.shape != ratings.shape or items.ndim != 1:
            raise InputError(f"{items.size} items, but {ratings.size} ratings: one for each")
        outside = (items < 0) | (items >= len(self.popularity))
        if outside.any():
            raise InputError(
                f"item {items[outside][0]}: the model was fitted on items 0 to "
                f"{len(self.popularity) - 1}"
            )
        if len(np.unique(items)) < len(items):
            raise InputError("an item is rated twice: keep one rating")
        wrong = ~((ratings >= low) & (ratings <= high))
        if wrong.any():
            raise InputError(
                f"a rating of {ratings[wrong][0]:g}: the training data's are {low:g} to {high:g}"
            )
        return self._fold_in(items, ratings)

    def factors(self) -> Factors:
        """The model as vectors of users and items. Raises InputError where it is not fitted."""
        if self._popularity is None:
            raise InputError(f"{self.name} has not been fitted yet: call fit first")
        return Factors(self._users, self._items, (float(self._scale[0]), float(self._scale[1])))

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """The items' factors, without their biases, which say how they are rated."""
        vectors = self._items[:, self.bias_columns :].copy()
        vectors[~self.known_items] = 0
        return vectors

    # What a model implements.

    @abstractmethod
    def _learn(
        self, data: TrainingSet, hooks: Hooks
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The vectors of users and of items from `data.ratings`, as `Factors` has them.

        Rows of users and items without a rating may be anything finite; the model says by them
        what it predicts for such.
        """

    def _fold_in(self, items: NDArray[np.int64], ratings: NDArray[Any]) -> NDArray[np.float32]:
        """The vector of a new user; unless overridden, the most probable one: see `Prior`."""
        return self._prior.most_probable(self._items[items], ratings)

    def _prior_vectors(self) -> NDArray[np.float32]:
        """Vectors of the users, whose distribution is that of a new one: shape (n_users, k)."""
        return self._users

    def _errors(
        self, users: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        """Standard errors of predictions, where the model has them."""
        return None

    def _drift(
        self, users: NDArray[np.int64], items: NDArray[np.int64], timestamps: NDArray[np.int64]
    ) -> NDArray[np.float32] | float:
        """What is to be added to predictions for these times."""
        return 0.0

    def _learned(self) -> Arrays:
        """What `_learn` learned besides the vectors, to be saved; `_set_learned` takes it back."""
        return {}

    def _set_learned(self, state: Arrays, data: TrainingSet) -> None:
        """Be as `_learn` left the model that gave this `_learned`."""

    # What Recommender asks for.

    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        low, high = data.scale
        if not np.isfinite((low, high)).all():
            raise InputError("a rating is NaN or infinite: ratings must be finite numbers")
        if low == high:
            raise InputError(
                f"all {len(data.ratings.data):,} ratings are {low:g}, so there is nothing to "
                "predict: for data without ratings choose a model of likes, such as als"
            )
        _refuse_strays(data.ratings.data)
        self._scale = np.array([low, high], np.float32)
        users, items = self._learn(data, hooks)
        self._users, self._items = users, items
        for what, rows in (("users", users), ("items", items)):
            if not np.isfinite(rows).all():
                raise InputError(
                    f"the vectors of {what} are not finite: training diverged; lower its "
                    "learning rate"
                )
        rated = data.histories.sizes > 0
        self._prior = Prior.around(
            self._prior_vectors()[rated], noise_of(users, items, data.ratings)
        )

    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        if users is not None:
            rows = self._users[users]
        else:
            indices = histories.indices.astype(np.int64)
            parts = np.split(np.arange(histories.nnz), histories.indptr[1:-1])
            rows = np.array(
                [
                    self._fold_in(indices[part], histories.data[part].astype(float))
                    for part in parts
                ]
            )
        scores: NDArray[np.float32] = rows @ self._items.T
        return scores

    def _training_set(self, matrix: sparse.csr_matrix) -> TrainingSet:
        return rating_set(matrix)

    def _in_order(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None, n_items: int
    ) -> tuple[sparse.csr_matrix, NDArray[np.int64] | None]:
        return ratings_in_order(histories, timestamps, n_items)

    def _state(self) -> Arrays:
        return {
            "user_factors": self._users,
            "item_factors": self._items,
            "scale": self._scale,
            "prior_mean": self._prior.mean,
            "prior_root": self._prior.root,
            "noise": np.array([self._prior.noise]),
            **self._learned(),
        }

    def _set_state(self, state: Arrays, data: TrainingSet) -> None:
        self._users, self._items = state["user_factors"], state["item_factors"]
        self._scale = state["scale"]
        self._prior = Prior(state["prior_mean"], state["prior_root"], float(state["noise"][0]))
        self._set_learned(state, data)


def _refuse_strays(values: NDArray[np.float32]) -> None:
    """Raises InputError where a few ratings would stretch the scale that predictions are cut to.

    A few: less than 1 in 100; stretch: they lie as far outside of the others as these are wide.
    """
    low, high = np.quantile(values, (0.005, 0.995))
    far = values[(values > 2 * high - low) | (values < 2 * low - high)]
    if low < high and len(far):
        raise InputError(
            f"ratings out of scale: {len(far):,} of {len(values):,}, such as {far[0]:g}, where "
            f"the others are {low:g} to {high:g}: mend them or leave them out"
        )
