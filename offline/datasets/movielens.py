"""MovieLens 1M (Harper and Konstan, 2015)."""

from pathlib import Path

import numpy as np

from offline.datasets.dataset import Dataset, pairs_to_csr
from offline.datasets.table import read_numbers
from offline.errors import InputError

SOURCE = "get MovieLens 1M (ml-1m.zip) at https://grouplens.org/datasets/movielens/1m/"
LIKED = 4
"""Ratings from here on count as liked."""


def load_ml_1m(directory: Path) -> Dataset:
    """Read `ratings.dat`: user::movie::rating::time, a user's ratings of 4 and 5 as liked.

    Users and movies without any are left out. Raises InputError for a missing file, a malformed
    line, a rating outside 1 to 5, a movie that a user rated twice, and where nothing is liked.
    """
    path = directory / "ratings.dat"
    table = read_numbers(path, "::", 4, 0, SOURCE)
    wrong = (table[:, 2] < 1) | (table[:, 2] > 5)
    if wrong.any():
        line = int(np.argmax(wrong))
        raise InputError(f"{path}:{line + 1}: a rating of {table[line, 2]}: they are 1 to 5")
    everyone, user_of = np.unique(table[:, 0], return_inverse=True)
    every_movie, movie_of = np.unique(table[:, 1], return_inverse=True)
    _, again = pairs_to_csr(user_of, movie_of, (len(everyone), len(every_movie)))
    if again:
        raise InputError(
            f"{path}: user {everyone[again[0]]} rated movie {every_movie[again[1]]} twice: keep "
            "one rating"
        )
    liked = table[table[:, 2] >= LIKED]
    if not len(liked):
        raise InputError(f"{path}: no rating of {LIKED} or more: nothing to learn from")
    users, user_of = np.unique(liked[:, 0], return_inverse=True)
    items, item_of = np.unique(liked[:, 1], return_inverse=True)
    whole, _ = pairs_to_csr(user_of, item_of, (len(users), len(items)))
    times = liked[np.lexsort((item_of, user_of)), 3] * 1000
    return Dataset("ml-1m", whole, None, users, items, timestamps=times)
