"""Which interactions are held out: by training, to measure itself, and by the protocols."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.errors import InputError
from offline.options import TrainOptions


class HeldOut(NamedTuple):
    """The training data, and the interactions to be predicted."""

    train: InteractionMatrix
    users: NDArray[np.int64]
    """Those with held-out interactions, sorted: rows of the two matrices."""
    seen: sparse.csr_matrix
    """The interactions that these users keep."""
    wanted: sparse.csr_matrix
    """Their held-out interactions."""


def held_out(
    histories: InteractionMatrix, options: TrainOptions, rng: np.random.Generator
) -> HeldOut:
    """Hold out some interactions of some users, to measure a model by.

    Of `held_out_users` of the users who have two interactions or more, `held_out_share` of the
    interactions are held out. Each of these users keeps at least one and gives at least one.

    Parameters
    ----------
    histories : InteractionMatrix
    options : TrainOptions
    rng : numpy.random.Generator

    Returns
    -------
    HeldOut
        `train`, what is left to learn from; `users`, rows of those with held-out interactions;
        `seen` and `wanted`, what these users keep and what is held out, each of shape
        (len(users), n_tracks).

    Raises
    ------
    InputError
        Where no user has two interactions.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix, TrainOptions, held_out
    >>> histories = InteractionMatrix.of(sparse.csr_matrix(np.ones((10, 5))))
    >>> held = held_out(histories, TrainOptions(), np.random.default_rng(1))
    >>> held.users.shape, held.wanted.nnz, held.train.sizes.sum()
    ((2,), 2, np.int64(48))
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


class Held(NamedTuple):
    """The training and test interactions of each user: disjoint, of one shape."""

    seen: sparse.csr_matrix
    held_out: sparse.csr_matrix


class HeldUsers(NamedTuple):
    """Users apart: those learned from, and two groups that are met with a part of theirs."""

    train: sparse.csr_matrix
    validation: Held
    test: Held
    items: NDArray[np.int64]
    """Columns of the whole that are left: items with a user in `train`."""


def hold_out(matrix: sparse.csr_matrix, share: float, rng: np.random.Generator) -> Held:
    """Hold out a `share` of each user's interactions, rounded, at random.

    A user with two or more keeps at least one and gives at least one; a user with one keeps it.
    The order of entries within a row does not matter.
    """
    matrix = matrix.sorted_indices()
    held = held_entries(matrix, share, rng)
    return Held(where(matrix, ~held), where(matrix, held))


def held_entries(
    matrix: sparse.csr_matrix,
    share: float,
    rng: np.random.Generator,
    times: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Which entries `hold_out` holds out, shape (nnz,); with `times`, each user's latest ones.

    `times`: when each entry happened, shape (nnz,); chance decides between those of one time.
    """
    sizes = np.diff(matrix.indptr)
    users = np.repeat(np.arange(len(sizes)), sizes)
    chance = rng.random(matrix.nnz)
    order = np.lexsort((chance, users) if times is None else (chance, -times, users))
    place = np.empty(matrix.nnz, dtype=np.int64)
    place[order] = np.arange(matrix.nnz) - matrix.indptr[users]
    count = np.clip(np.round(share * sizes), 1, np.maximum(sizes - 1, 0))
    held: NDArray[np.bool_] = place < np.where(sizes > 1, count, 0)[users]
    return held


def hold_out_users(
    matrix: sparse.csr_matrix,
    users: float,
    share: float,
    rng: np.random.Generator,
) -> HeldUsers:
    """Strong generalisation, as in Liang et al. (WWW 2018): a share `users` for each group.

    Of each user of the two groups a `share` of the interactions is to be found, given the rest.
    Users without interactions are left out, as are items that no training user has. Raises
    InputError where too few users have two interactions to make the groups.
    """
    able = np.flatnonzero(np.diff(matrix.indptr))
    size = round(users * len(able))
    order = rng.permutation(able)
    groups = order[:size], order[size : 2 * size], order[2 * size :]
    validation, test, train = (matrix[np.sort(group)] for group in groups)
    items = np.flatnonzero(np.bincount(train.indices, minlength=matrix.shape[1]))
    held = [hold_out(part[:, items], share, rng) for part in (validation, test)]
    if not len(items) or not all(part.held_out.nnz for part in held):
        raise InputError(
            f"{len(able)} users with interactions are too few to hold out two groups of "
            f"{size} and learn from the rest"
        )
    return HeldUsers(train[:, items], held[0], held[1], items)


def where(matrix: sparse.csr_matrix, mask: NDArray[np.bool_]) -> sparse.csr_matrix:
    """The entries that a mask of shape (nnz,) picks."""
    before = np.concatenate([[0], np.cumsum(mask)])
    return sparse.csr_matrix(
        (matrix.data[mask], matrix.indices[mask], before[matrix.indptr]), shape=matrix.shape
    )
