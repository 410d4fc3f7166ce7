"""A world from real listening: the Last.fm counts of HetRec 2011 (hetrec2011-lastfm-2k).

The data set is at https://grouplens.org/datasets/hetrec-2011/ (Cantador,
Brusilovsky and Kuflik, 2011); its terms forbid shipping it with a program.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from contract.jsonlines import BOM
from sim.errors import InputError
from sim.world.model import Catalog, Users, World
from sim.worldgen.users import Library, make_users

_ARTISTS, _PLAYS = "artists.dat", "user_artists.dat"


def lastfm_world(directory: Path, seed: int, dimensions: int = 64) -> tuple[World, Library]:
    """Real people and real artists; the scale of the embeddings is arbitrary until `calibrate`.

    The catalog's tracks are the artists with plays, one track each. Embeddings
    are item factors of implicit ALS (Hu, Koren and Volinsky, 2008) on confidence
    1 + 2 log(1 + plays); a user's interests are the three artists that this
    person played most. Returns the world and what each user plays, as `generate`
    does. Raises InputError.
    """
    names = dict(_named(directory / _ARTISTS))
    user_ids, artist_ids, plays = _counts(directory / _PLAYS)
    users, user_of = np.unique(user_ids, return_inverse=True)
    artists, artist_of = np.unique(artist_ids, return_inverse=True)
    missing = next((int(artist) for artist in artists if int(artist) not in names), None)
    if missing is not None:
        raise InputError(f"{directory / _ARTISTS}: artist {missing} has plays but no name")

    als_seed, user_seed = np.random.SeedSequence(seed).spawn(2)
    shape = (len(users), len(artists))
    confidence = sp.csr_matrix((np.log1p(plays).astype(np.float32), (user_of, artist_of)), shape)
    factors = _factors(confidence, dimensions, int(als_seed.generate_state(1)[0]))

    # Most played first; ties go to the smaller artist id.
    order = np.lexsort((artist_of, -plays, user_of))
    bounds = np.concatenate([[0], np.cumsum(np.bincount(user_of))]).astype(np.int64)
    library = Library(bounds, artist_of[order])
    listeners: Users = make_users(library, 3, np.random.default_rng(user_seed))
    # Two artists may share a name: the id tells them apart.
    name_counts = Counter(names[int(artist)] for artist in artists)
    labels = [
        names[int(a)] if name_counts[names[int(a)]] == 1 else f"{names[int(a)]} (#{a})"
        for a in artists
    ]
    catalog = Catalog(["(any song)"] * len(labels), labels, np.arange(len(labels), dtype=np.int32))
    return World(catalog, factors, listeners), library


def _factors(confidence: sp.csr_matrix, dimensions: int, seed: int) -> NDArray[np.float32]:
    with threadpool_limits(limits=1, user_api="blas"):
        model = AlternatingLeastSquares(
            factors=dimensions,
            regularization=0.1,
            alpha=2.0,
            iterations=15,
            random_state=seed,
            # One thread: another order of summation would give another world.
            num_threads=1,
        )
        model.fit(confidence, show_progress=False)
    return np.asarray(model.item_factors, dtype=np.float32)


def _rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    if not path.is_file():
        raise InputError(
            f"{path}: no such file: LASTFM_DIR must be the unpacked hetrec2011-lastfm-2k, "
            f"from https://grouplens.org/datasets/hetrec-2011/"
        )
    lines = path.read_bytes().removeprefix(BOM).splitlines()
    if lines and lines[0].split(b"\t")[0].isdigit():
        raise InputError(f"{path}:1: the header is missing: restore it, or a row is lost")
    for number, line in enumerate(lines[1:], start=2):
        row = line.decode(errors="replace").split("\t")
        if len(row) < columns:
            raise InputError(f"{path}:{number}: {columns} columns separated by tabs are needed")
        yield number, row


def _named(path: Path) -> Iterator[tuple[int, str]]:
    for number, row in _rows(path, 2):
        try:
            yield int(row[0]), row[1]
        except ValueError:
            raise InputError(f"{path}:{number}: artist id {row[0]!r} is not an integer") from None


def _counts(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    counts: list[tuple[int, int, int]] = []
    for number, row in _rows(path, 3):
        try:
            user, artist, plays = int(row[0]), int(row[1]), int(row[2])
        except ValueError:
            raise InputError(f"{path}:{number}: three integers are needed") from None
        if plays <= 0:
            raise InputError(f"{path}:{number}: {plays} plays: a positive count is needed")
        counts.append((user, artist, plays))
    if not counts:
        raise InputError(f"{path}: it has no play counts")
    table = np.asarray(counts, dtype=np.int64)
    return table[:, 0], table[:, 1], table[:, 2]
