"""Last.fm of HetRec 2011 (Cantador, Brusilovsky and Kuflik, 2011)."""

from pathlib import Path

import numpy as np

from offline.datasets.dataset import Dataset, pairs_to_csr
from offline.datasets.table import read_numbers
from offline.errors import InputError

SOURCE = (
    "get Last.fm of HetRec 2011 (hetrec2011-lastfm-2k.zip) at "
    "https://grouplens.org/datasets/hetrec-2011/"
)


def load_lastfm_2k(directory: Path) -> Dataset:
    """Read `user_artists.dat`: user, artist, plays, apart by tabs, under a header.

    Any number of plays counts as liked. The items are artists, so each is its own artist.
    Raises InputError for a missing file or header, a malformed line, a pair without plays, and an
    artist that a user has twice.
    """
    path = directory / "user_artists.dat"
    table = read_numbers(path, "\t", 3, 1, SOURCE)
    if not table[:, 2].all():
        line = int(np.argmin(table[:, 2]))
        raise InputError(f"{path}:{line + 2}: 0 plays: leave out artists that were not played")
    users, user_of = np.unique(table[:, 0], return_inverse=True)
    items, item_of = np.unique(table[:, 1], return_inverse=True)
    whole, again = pairs_to_csr(user_of, item_of, (len(users), len(items)))
    if again:
        raise InputError(
            f"{path}: user {users[again[0]]} has artist {items[again[1]]} twice: keep one line"
        )
    return Dataset("lastfm-2k", whole, None, users, items, artists=items)
