"""The interface of every model."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.errors import InputError
from offline.models.inputs import binary_csr
from offline.models.top_n import leave_out, top_n


class Recommender(ABC):
    """Learns from users' likes and ranks items for a user.

    A subclass implements `_fit` and `_scores`; lists, exclusions and memory are handled here.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import make_model
    >>> matrix = sparse.csr_matrix([[1, 1, 0], [0, 1, 1], [0, 1, 0]])
    >>> model = make_model("popular", seed=1).fit(matrix)
    >>> model.recommend(np.array([0, 2]), n=2, exclude_seen=True)
    array([[ 2, -1],
           [ 0,  2]])
    """

    name: ClassVar[str]
    """Its name on the command line and in messages."""
    folds_in: ClassVar[bool] = True
    """Whether it can rank for users it was not fitted on, given their likes (fold-in)."""
    block: int = 2**24
    """Most scores that are held at a time, 4 bytes each; one user's are always held together."""

    _interactions: sparse.csr_matrix | None = None

    def fit(self, interactions: sparse.csr_matrix) -> Self:
        """Learn from a binary user × item matrix, and keep it as the users' histories.

        Parameters
        ----------
        interactions : csr_matrix, shape (n_users, n_items)
            Neither changed nor, where its ids are sorted and its weights float32, copied.

        Returns
        -------
        Recommender
            This one.

        Raises
        ------
        InputError
            For a matrix that is not binary, or empty.
        """
        matrix = binary_csr(interactions)
        if not matrix.nnz:
            raise InputError("no interactions to learn from: every row is empty")
        self._interactions = None
        self._popularity = np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(
            np.float32
        )
        self._fit(matrix)
        self._interactions = matrix
        return self

    def recommend(
        self, users: NDArray[np.int64], n: int, exclude_seen: bool = True
    ) -> NDArray[np.int64]:
        """The n best items of each user.

        Parameters
        ----------
        users : array of int64, shape (n,)
            Rows of the fitted matrix. A user without items gets the most popular ones.
        n : int
            Length of the lists.
        exclude_seen : bool, default True
            Whether to leave out what the user was fitted with.

        Returns
        -------
        array of int64, shape (len(users), n)
            Best first; padded with -1 where fewer items are left.

        Raises
        ------
        InputError
            For a user that is no row.
        """
        matrix = self._fitted()
        rows = np.asarray(users, dtype=np.int64)
        outside = (rows < 0) | (rows >= matrix.shape[0])
        if outside.any():
            raise InputError(
                f"user {rows[outside][0]}: the model was fitted on users 0 to "
                f"{matrix.shape[0] - 1}; for others there is recommend_for"
            )
        return self._lists(matrix[rows], rows, n, exclude_seen)

    def recommend_for(
        self, histories: sparse.csr_matrix, n: int, exclude_seen: bool = True
    ) -> NDArray[np.int64]:
        """The n best items of new users, given their likes (fold-in).

        `histories`: binary, a row for each of them, with the columns of the fitted matrix.
        Lists as those of `recommend`. Raises InputError where `folds_in` is false, and for what
        `binary_csr` refuses.
        """
        matrix = self._fitted()
        self.check_folds_in()
        known = binary_csr(histories, matrix.shape[1])
        return self._lists(known, None, n, exclude_seen)

    @classmethod
    def check_folds_in(cls) -> None:
        """Raises InputError for a model that ranks only for the users it was fitted on."""
        if not cls.folds_in:
            raise InputError(
                f"{cls.name} ranks only for users it was fitted on: for others fit it anew, or "
                "choose a model that folds in"
            )

    def _lists(
        self,
        histories: sparse.csr_matrix,
        users: NDArray[np.int64] | None,
        n: int,
        exclude_seen: bool,
    ) -> NDArray[np.int64]:
        if n < 1:
            raise InputError(f"a list of {n} items: ask for at least 1")
        n_users, n_items = histories.shape
        out = np.empty((n_users, n), dtype=np.int64)
        step = max(1, self.block // n_items)
        for at in range(0, n_users, step):
            part = histories[at : at + step]
            scores = np.require(
                self._scores(part, None if users is None else users[at : at + step]),
                np.float32,
                ["C", "W"],
            )
            scores[np.diff(part.indptr) == 0] = self._popularity
            if exclude_seen:
                leave_out(scores, part)
            out[at : at + step] = top_n(scores, n)
        return out

    def _fitted(self) -> sparse.csr_matrix:
        if self._interactions is None:
            raise InputError(f"{self.name} has not been fitted yet: call fit first")
        return self._interactions

    @abstractmethod
    def _fit(self, interactions: sparse.csr_matrix) -> None:
        """Learn from a matrix that `binary_csr` gave and that has entries."""

    @abstractmethod
    def _scores(
        self, histories: sparse.csr_matrix, users: NDArray[np.int64] | None
    ) -> NDArray[np.float32]:
        """Scores of all items, shape (len(histories), n_items); higher is better.

        `users`: the rows' ids where they are users that the model was fitted on. The array is
        the caller's to change.
        """
