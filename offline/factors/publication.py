"""A publication of a model's factors, in memory: what goes into the stores."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from contract.factors import (
    BLOCK_ITEMS,
    FORM,
    ITEMS,
    MAX_DIMENSION,
    MAX_RANKED,
    PRIOR,
    VECTORS,
    Manifest,
    Popular,
    blocks,
)
from contract.item_lists import MAX_ITEMS
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.factors.packing import Rankings, digest_of, pack_blob, pack_users
from offline.factors.store import ItemContent
from offline.lists.files import item_lines
from offline.models.base import Recommender
from offline.models.fold_in import Prior
from offline.models.ratings import RatingModel
from offline.models.top_n import best_n, leave_out

_MAX_HALF = float(np.finfo(np.float16).max)
_BLOCK = 1024
"""Users whose records are made at a time."""


class _Vectors(NamedTuple):
    users: NDArray[np.float16]
    items: NDArray[np.float16]
    scale: tuple[float, float] | None
    prior: Prior | None = None


@dataclass(frozen=True, eq=False)
class Publication:
    """Users and items of one version."""

    manifest: Manifest
    """Without the blobs, which depend on the store."""
    users: Sequence[str]
    items: Sequence[str]
    vectors: _Vectors
    entries: sparse.csr_matrix
    """What each user rated, shape (users, items): ratings where they are known, else 1."""
    has_ratings: bool
    lines: Sequence[str]
    """Of the items, as `contract.item_lists` has them."""

    def records(self) -> Iterator[list[tuple[str, bytes]]]:
        """Ids and records of some users at a time."""
        n_items, n = len(self.items), self.manifest.precomputed
        for at in range(0, len(self.users), _BLOCK):
            some = slice(at, at + _BLOCK)
            rated = self.entries[some]
            packed = pack_users(
                self.vectors.users[some],
                rated.indptr,
                rated.indices,
                rated.data.astype(np.float16) if self.has_ratings else None,
                self._rankings(some, rated, n) if n else None,
                n_items,
            )
            yield list(zip(self.users[some], packed, strict=True))

    def content(self, compress: bool) -> ItemContent:
        """The items' side; with `compress`, the items' lines packed by lz4 where it is worth it.

        Vectors never are: a store may have a type of its own for them.
        """
        stored = [
            pack_blob(name, content, compress and name.startswith(ITEMS))
            for name, content in self._blobs()
        ]
        manifest = self.manifest._replace(blobs=tuple(blob for blob, _ in stored))
        return ItemContent(
            manifest, self.items, [(blob.name, content) for blob, content in stored]
        )

    def _blobs(self) -> Iterator[tuple[str, bytes]]:
        for number, at in enumerate(blocks(len(self.items))):
            some = slice(at, at + BLOCK_ITEMS)
            yield f"{VECTORS}-{number}", self.vectors.items[some].astype("<f2").tobytes()
            yield f"{ITEMS}-{number}", "".join(self.lines[some]).encode()
        if self.vectors.prior is not None:
            yield f"{PRIOR}-0", _prior_numbers(self.vectors.prior).tobytes()

    @cached_property
    def _item_rows(self) -> NDArray[np.float32]:
        return self.vectors.items.astype(np.float32)

    def _rankings(self, some: slice, rated: sparse.csr_matrix, n: int) -> Rankings:
        """From the vectors as the service has them, so that it would rank no other way."""
        scores = self.vectors.users[some].astype(np.float32) @ self._item_rows.T
        leave_out(scores, rated)
        return Rankings(*best_n(scores, min(n, len(self.items))))


def publication_of(
    model: Recommender, *, precompute: int = 0, items: pa.Table | None = None
) -> Publication:
    """What is to be published of a model.

    Items that nobody rated or liked are left out, as the model knows nothing of them.

    Parameters
    ----------
    model : Recommender
        A model of ratings, or one of likes that has vectors of users and items. Fitted.
    precompute : int, default 0
        Length of the rankings to store with users; 0: none.
    items : pyarrow.Table, optional
        `id`, `title` and other fields of the items that the model was fitted on, in its order.

    Returns
    -------
    Publication

    Raises
    ------
    InputError
        For a model without vectors, and vectors that do not fit float16.
    """
    if not 0 <= precompute <= MAX_RANKED:
        raise InputError(f"rankings of {precompute:,} items: they have {MAX_RANKED:,} at most")
    data, kept = model.data, np.flatnonzero(model.known_items)
    vectors = _vectors_of(model, kept)
    entries = _entries(data, kept)
    table = _items_of(data) if items is None else items
    lines = list(item_lines(table.take(pa.array(kept))))
    item_ids = [str(json.loads(line)["item"]) for line in lines]
    popular = _popular(entries, model.popularity[kept], data.values is not None)
    user_ids = [str(user) for user in data.users.tolist()]
    has_ratings, prior = data.values is not None, vectors.prior
    version = digest_of(
        [
            [FORM, model.name, vectors.scale, precompute, has_ratings, popular],
            user_ids,
            "".join(lines),
            vectors.users,
            vectors.items,
            entries.indptr.astype(np.int64),
            entries.indices.astype(np.int64),
            entries.data,
            *(() if prior is None else (_prior_numbers(prior),)),
        ]
    )
    manifest = Manifest(
        version,
        model.name,
        vectors.scale,
        vectors.items.shape[1],
        len(user_ids),
        len(item_ids),
        precompute,
        popular,
        (),
        bool(user_ids) and all(user.isascii() and user.isdigit() for user in user_ids),
    )
    return Publication(manifest, user_ids, item_ids, vectors, entries, has_ratings, lines)


def _vectors_of(model: Recommender, kept: NDArray[np.int64]) -> _Vectors:
    scale = prior = None
    if isinstance(model, RatingModel):
        users, items, scale = model.factors()
        prior = model._prior
    else:
        found = model.ranking_vectors()
        if found is None:
            raise InputError(
                f"{model.name} has no vectors of users and items to publish: choose a model of "
                "ratings, als, bpr or pure-svd; `botify-offline export` writes lists of any model"
            )
        users, items = found
    if users.shape[1] > MAX_DIMENSION:
        raise InputError(f"vectors of {users.shape[1]:,} numbers: {MAX_DIMENSION:,} at most")
    return _Vectors(_half("users", users), _half("items", items[kept]), scale, prior)


def _prior_numbers(prior: Prior) -> NDArray[np.float64]:
    return np.concatenate([[prior.noise], prior.mean, prior.root.ravel()]).astype("<f8")


def _half(what: str, vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    largest = float(np.abs(vectors).max(initial=0))
    if not largest <= _MAX_HALF:
        raise InputError(
            f"the vectors of {what} have numbers up to {largest:.3g}: float16 has none beyond "
            f"{_MAX_HALF:,.0f}; train with more regularisation"
        )
    return vectors.astype(np.float16)


def _entries(data: TrainingSet, kept: NDArray[np.int64]) -> sparse.csr_matrix:
    """What users rated, with the items that are kept, which all are that somebody rated."""
    found = data.take(np.arange(len(data.histories)))
    number = np.full(data.histories.n_tracks, -1)
    number[kept] = np.arange(len(kept))
    shape = (found.shape[0], len(kept))
    renumbered = sparse.csr_matrix((found.data, number[found.indices], found.indptr), shape=shape)
    renumbered.sort_indices()
    return renumbered


def _items_of(data: TrainingSet) -> pa.Table:
    n_items = data.histories.n_tracks
    ids = pa.array(np.arange(n_items)) if data.items is None else data.items.array
    titles = pa.nulls(n_items, pa.string()) if data.titles is None else data.titles
    if len(titles) < n_items:  # a music catalog may have more tracks than were collected with
        titles = pa.concat_arrays([titles, pa.nulls(n_items - len(titles), pa.string())])
    return pa.table({"id": ids, "title": titles})


def _popular(entries: sparse.csr_matrix, users: NDArray[np.float32], has_ratings: bool) -> Popular:
    """Most users first; ties go to the smaller number."""
    order = np.argsort(-users, kind="stable")[:MAX_ITEMS]
    sums = np.bincount(entries.indices, entries.data, entries.shape[1])
    scores = sums[order] / users[order] if has_ratings else users[order]
    return Popular(tuple(order.tolist()), tuple(float(f"{score:.6g}") for score in scores))
