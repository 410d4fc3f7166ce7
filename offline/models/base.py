"""The interface of every model: fit, recommend, similar items, save, load."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.fitted import Fitted
from offline.models.inputs import filled_up, in_order, training_set
from offline.models.similar import similar_by_scores, similar_by_vectors
from offline.models.taste_scores import on_scale
from offline.models.top_n import UNWANTED, TopN, best_n, leave_out


@dataclass(frozen=True)
class Hooks:
    """What training may show while it runs."""

    progress: bool = False
    """Whether to show a bar on stderr, for models that have one."""


class Recommender(Fitted):
    """Learns from users' likes and ranks items for a user.

    A subclass has a `name` and a `Config`, and implements `_fit`, `_scores`, `_state` and
    `_set_state`; lists, exclusions, blocks of memory, files and bad input are handled here.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import make_model
    >>> matrix = sparse.csr_matrix([[1, 1, 0], [0, 1, 1], [0, 1, 0]])
    >>> model = make_model("popular").fit(matrix)
    >>> model.recommend(np.array([0, 2]), n=2, exclude_seen=True).ids
    array([[ 2, -1],
           [ 0,  2]])
    """

    ranks_new_items: ClassVar[bool] = False
    """Whether it can rank items that nobody liked; otherwise they are in no list."""
    uses_timestamps: ClassVar[bool] = False
    """Whether it makes use of when things were liked."""
    folds_in: ClassVar[bool] = True
    """Whether it can rank for users it was not fitted on, given their likes (fold-in)."""
    own_neighbours: ClassVar[bool] = False
    """Whether the lists of neighbours that are exported are its `similar_items`; else they are by
    the cosine of co-occurrence."""
    rows: int = 512
    """Users whose scores are computed at a time, at most."""
    block: int = 2**24
    """Most scores that are held at a time, 4 bytes each; one user's are always held together."""

    def fit(self, data: TrainingSet | sparse.csr_matrix, hooks: Hooks | None = None) -> Self:
        """Learn from users' likes, and keep them as the users' histories.

        Parameters
        ----------
        data : TrainingSet or csr_matrix, shape (n_users, n_items)
            A matrix must be binary; it is left as it is.
        hooks : Hooks, optional
            What to show meanwhile.

        Returns
        -------
        Recommender
            This one.

        Raises
        ------
        InputError
            For a matrix that is not binary, or empty, and for what the model cannot learn from.
        """
        found = data if isinstance(data, TrainingSet) else training_set(data)
        if not found.histories.sizes.any():
            raise InputError("no interactions to learn from: every row is empty")
        self._data = self._popularity = None
        self._popularity = found.histories.popularity().astype(np.float32)
        self._fit(found, hooks or Hooks())
        self._data = found
        return self

    def recommend(self, users: NDArray[np.int64], n: int, exclude_seen: bool = True) -> TopN:
        """The n best items of each user.

        Parameters
        ----------
        users : array of int64, shape (n,)
            Rows of the fitted data. A user without items gets the most popular ones.
        n : int
            Length of the lists.
        exclude_seen : bool, default True
            Whether to leave out what the user was fitted with.

        Returns
        -------
        TopN
            `ids` and `scores`, each of shape (len(users), n), best first; ids padded with -1
            where fewer items are left. A user's list does not depend on the others asked for.

        Raises
        ------
        InputError
            For a user that is no row.
        """
        data = self.data
        rows = np.asarray(users, dtype=np.int64)
        outside = (rows < 0) | (rows >= len(data.histories))
        if outside.any():
            raise InputError(
                f"user {rows[outside][0]}: the model was fitted on users 0 to "
                f"{len(data.histories) - 1}; for others there is recommend_for"
            )
        return self._lists(len(rows), self._known(rows), n, exclude_seen)

    def recommend_for(
        self,
        histories: sparse.csr_matrix,
        n: int,
        exclude_seen: bool = True,
        timestamps: NDArray[np.int64] | None = None,
    ) -> TopN:
        """The n best items of new users, given their likes (fold-in).

        `histories`: binary, a row for each of them, with the columns of the fitted matrix;
        `timestamps`: of its entries, in their order, ms since the epoch. Lists as those of
        `recommend`. Raises InputError where `folds_in` is false, and for what `binary_csr`
        refuses.
        """
        n_items = len(self.popularity)
        self.check_folds_in()
        matrix, times = in_order(histories, timestamps, n_items)

        def part(rows: slice) -> "_Part":
            few = slice(matrix.indptr[rows.start], matrix.indptr[rows.stop])
            return matrix[rows], None if times is None else times[few], None

        return self._lists(matrix.shape[0], part, n, exclude_seen)

    def similar_items(self, items: NDArray[np.int64], n: int) -> TopN:
        """The n items most similar to each of some items, the item itself left out.

        By the cosine of `item_vectors` where the model has them, else the ranking for a user who
        liked that item alone. An item that nobody liked has no similar ones, and is none.

        Parameters
        ----------
        items : array of int64, shape (m,)
            Columns of the fitted data.
        n : int
            Length of the lists.

        Returns
        -------
        TopN
            As `recommend` gives it.

        Raises
        ------
        InputError
            For an item that is no column.
        """
        asked, n_items = np.asarray(items, dtype=np.int64), len(self.popularity)
        self._check_length(n)
        outside = (asked < 0) | (asked >= n_items)
        if outside.any():
            raise InputError(
                f"item {asked[outside][0]}: the model was fitted on items 0 to {n_items - 1}"
            )
        vectors, known = self.item_vectors, self.known_items
        if vectors is not None:
            return similar_by_vectors(vectors, known, asked, n)
        height = self._height()

        def scores(one_each: sparse.csr_matrix) -> NDArray[np.float32]:
            return self._scores(filled_up(one_each, height), None)[: one_each.shape[0]]

        return similar_by_scores(scores, known, asked, n, height)

    @property
    def item_vectors(self) -> NDArray[np.float32] | None:
        """A vector for each item, shape (n_items, d), alike for similar items; None: it has none.

        That of an item which nobody liked is 0.
        """
        return None

    @property
    def for_everyone(self) -> NDArray[np.float32]:
        """Scores of items for the list of popular items, shape (n_items,): users of each."""
        return self.popularity

    def taste_scores(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """How well items fit tastes, for lists by session; needs `item_vectors`.

        `histories`: binary, a row for each taste, the items in it. Gives an array of shape
        (tastes, number of `known_items`), on the scale of `offline.models.taste_scores`.
        """
        if self.folds_in:
            return on_scale(self._scores(histories, None)[:, self.known_items])
        assert self.item_vectors is not None
        vectors = self.item_vectors[self.known_items]
        tastes = histories[:, self.known_items] @ vectors
        return on_scale(tastes @ vectors.T)

    @classmethod
    def check_folds_in(cls) -> None:
        """Raises InputError for a model that ranks only for the users it was fitted on."""
        if not cls.folds_in:
            raise InputError(
                f"{cls.name} ranks only for users it was fitted on: for others fit it anew, or "
                "choose a model that folds in"
            )

    # What a model implements.

    @abstractmethod
    def _fit(self, data: TrainingSet, hooks: Hooks) -> None:
        """Learn from `data.matrix` (binary CSR, float32, sorted, with entries) or `data`."""

    @abstractmethod
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Scores of all items, shape (len(histories), n_items); higher is better.

        `histories`: as `_weighed` gives them. `users`: the rows' numbers where they are users that
        the model was fitted on. A row's scores must not depend on the other rows. The array is
        the caller's to change.
        """

    def _weighed(
        self, histories: sparse.csr_matrix, timestamps: NDArray[np.int64] | None
    ) -> sparse.csr_matrix:
        """The input of `_scores`: `histories`, or their entries with other weights than 1.

        `timestamps`: of the entries, in their order; None: not known.
        """
        return histories

    def _of_nobody(self) -> NDArray[np.float32]:
        """Scores of all items for a user without any, shape (n_items,)."""
        return self.popularity

    # Lists in blocks of memory.

    def _height(self) -> int:
        """How many rows are scored at a time: always as many, as other shapes round otherwise."""
        return max(1, min(self.rows, self.block // len(self.popularity)))

    def _check_length(self, n: int) -> None:
        if n < 1:
            raise InputError(f"a list of {n} items: ask for at least 1")

    def _known(self, users: NDArray[np.int64]) -> "Callable[[slice], _Part]":
        data = self.data

        def part(rows: slice) -> _Part:
            some = users[rows]
            histories = data.histories.take(some)
            if data.timestamps is None:
                histories.sort_indices()
            return histories, data.times(some), some

        return part

    def _lists(
        self, count: int, part_of: "Callable[[slice], _Part]", n: int, exclude_seen: bool
    ) -> TopN:
        self._check_length(n)
        out = TopN(np.empty((count, n), np.int64), np.empty((count, n), np.float32))
        height = self._height()
        unranked = None if self.ranks_new_items else np.flatnonzero(~self.known_items)
        for rows in _blocks(count, height):
            histories, times, users = part_of(rows)
            shown = filled_up(self._weighed(histories, times), height)
            if users is not None:
                users = np.pad(users, (0, height - len(users)), mode="edge")
            whole = self._scores(shown, users)[: histories.shape[0]]
            scores = np.require(whole, np.float32, ["C", "W"])
            scores[np.diff(histories.indptr) == 0] = self._of_nobody()
            if unranked is not None:
                scores[:, unranked] = UNWANTED
            if exclude_seen:
                leave_out(scores, histories)
            out.ids[rows], out.scores[rows] = best_n(scores, n)
        return out


_Part = tuple[sparse.csr_matrix, NDArray[np.int64] | None, NDArray[np.int64] | None]
"""Some users' histories, the timestamps of their entries, and their numbers."""


def _blocks(count: int, height: int) -> Iterator[slice]:
    for at in range(0, count, height):
        yield slice(at, min(at + height, count))
