"""A world from the interactions of real people, as `botify-offline import` writes them.

The directory's files are read, whatever made them: interactions.parquet, users.parquet,
items.parquet and interactions.json.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from contract.interactions import FORM, INTERACTIONS, ITEM_IDS, SUMMARY, USER_IDS
from sim.errors import InputError
from sim.world.model import Catalog, Users, World
from sim.worldgen.users import Library, make_users

_ARTISTS = ("artist", "artists", "author", "authors", "brand")
_ARE_ARTISTS = ("lastfm-2k",)
"""Formats whose items are artists."""
_FEWEST = 20
_INTERESTS = 3


class ImportedWorld(NamedTuple):
    """A world, and what its numbers stand for."""

    world: World
    """The scale of its embeddings is arbitrary until `calibrate` sets it."""
    library: Library
    source: str
    users: pa.Array
    """The owner's id of each user, shape (n_users,)."""
    items: pa.Array
    """The owner's id of each track, shape (n_tracks,)."""


def imported_world(directory: Path, seed: int, dimensions: int = 64) -> ImportedWorld:
    """Real people and what they like.

    The catalog's tracks are the items that somebody likes. Embeddings are item factors of implicit
    ALS (Hu, Koren and Volinsky, 2008) on confidence 1 + 2 log(1 + value), the value summed over
    kinds; a user's interests are the three items of the largest value, drawn among equal ones.
    Raises InputError for a directory that is none, or has too little in it.
    """
    about, (pairs, owners, things) = _read(directory)
    value = pairs["value"].to_numpy()
    least = about.get("liked_from")
    liked = value > 0 if least is None else value >= least
    users, user_of = np.unique(pairs["user"].to_numpy()[liked], return_inverse=True)
    items, item_of = np.unique(pairs["item"].to_numpy()[liked], return_inverse=True)
    if len(users) < 2 or len(items) < _FEWEST:
        raise InputError(
            f"{directory}: {len(users)} users like {len(items)} items: a world needs 2 users and "
            f"{_FEWEST} items"
        )
    values: sp.csr_matrix = sp.csr_matrix(
        (value[liked], (user_of, item_of)), (len(users), len(items))
    )
    confidence = values.astype(np.float32)
    confidence.data = np.log1p(values.data).astype(np.float32)
    als_seed, user_seed, tie_seed = np.random.SeedSequence(seed).spawn(3)
    factors = _factors(confidence, dimensions, int(als_seed.generate_state(1)[0]))
    library = _library(values, np.random.default_rng(tie_seed))
    listeners: Users = make_users(library, _INTERESTS, np.random.default_rng(user_seed))
    ids, rows = things["id"].combine_chunks().take(pa.array(items)), things.take(pa.array(items))
    catalog = _catalog(rows, ids, str(about.get("format")) in _ARE_ARTISTS)
    files = about.get("files") or [directory.resolve()]
    source = f"{about.get('format')}: {Path(str(files[0])).name}"
    of_users = owners["id"].combine_chunks().take(pa.array(users))
    return ImportedWorld(World(catalog, factors, listeners), library, source, of_users, ids)


def save_owners_ids(found: ImportedWorld, directory: Path) -> None:
    """Write `items.parquet` and `users.parquet`: the `id` of each track and user, by number."""
    for name, ids in ((ITEM_IDS, found.items), (USER_IDS, found.users)):
        pq.write_table(pa.table({"id": ids}), directory / name, compression="zstd")


def _read(directory: Path) -> tuple[dict[str, Any], tuple[pa.Table, pa.Table, pa.Table]]:
    make = "make it with `botify-offline import SOURCE --out DIR`"
    for file in (SUMMARY, INTERACTIONS, USER_IDS, ITEM_IDS):
        if not (directory / file).is_file():
            raise InputError(f"{directory / file}: no such file: {make}")
    try:
        about = json.loads((directory / SUMMARY).read_text())
        if about.get("form") != FORM:
            raise InputError(f"{directory}: it is of another version of botify: {make}")
        pairs = pq.read_table(directory / INTERACTIONS, columns=["user", "item", "value"])
        users = pq.read_table(directory / USER_IDS, columns=["id"])
        items = pq.read_table(directory / ITEM_IDS)
    except (OSError, ValueError, AttributeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{directory}: no interactions ({reason}): {make}") from error
    return about, (pairs, users, items)


def _library(values: sp.csr_matrix, rng: np.random.Generator) -> Library:
    """What each user likes, the largest value first; equal ones in an order that is drawn."""
    user_of = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    order = np.lexsort((rng.random(values.nnz), -values.data, user_of))
    return Library(values.indptr.astype(np.int64), values.indices[order].astype(np.int64))


def _catalog(rows: pa.Table, ids: pa.Array, are_artists: bool) -> Catalog:
    """Titles and artists; an item without an artist is the only one of its own."""
    names = _names(rows, ids)
    field = next((name for name in _ARTISTS if name in rows.column_names), None)
    if are_artists or field is None or pa.types.is_nested(rows[field].type):
        titles = ["(any song)"] * len(names) if are_artists else names
        return Catalog(titles, names, np.arange(len(names), dtype=np.int32))
    labels: Sequence[object] = rows[field].to_pylist()
    artists = [str(label) if label else name for label, name in zip(labels, names, strict=True)]
    known, artist_of = np.unique(np.asarray(artists, dtype=object), return_inverse=True)
    return Catalog(names, known.tolist(), artist_of.astype(np.int32))


def _names(rows: pa.Table, ids: pa.Array) -> list[str]:
    """The title of each item, or its id; of two items of one title, the id tells them apart."""
    titles = rows["title"].to_pylist() if "title" in rows.column_names else [None] * len(ids)
    names = [title or str(one) for title, one in zip(titles, ids.to_pylist(), strict=True)]
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name} (#{one})"
        for name, one in zip(names, ids.to_pylist(), strict=True)
    ]


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
