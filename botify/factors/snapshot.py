"""One version of a publication in memory: its items; and records of users."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.factors.source import FactorSource, SourceError
from contract.errors import FormatError
from contract.factor_stores import MANIFEST
from contract.factors import (
    HEADER,
    ITEMS,
    PRIOR,
    VECTORS,
    WITH_RATINGS,
    Blob,
    Manifest,
    decode_manifest,
    item_code,
)
from contract.item_lists import Item, parse_item
from contract.jsonlines import parse_line

_LEFT_OUT = -np.inf


class UserFactors(NamedTuple):
    """A user's record."""

    vector: NDArray[np.float32]
    rated: NDArray[np.int64]
    """Numbers of items, ascending."""
    ratings: NDArray[np.float32] | None
    """What the user gave them."""
    ranking: NDArray[np.int64]
    """Precomputed items, best first; empty where there are none."""
    scores: NDArray[np.float32]


class Ranked(NamedTuple):
    """Items, best first."""

    items: NDArray[np.int64]
    """Numbers."""
    scores: NDArray[np.float32]
    """Not clipped."""


class Prior(NamedTuple):
    """How users' vectors are distributed: normal."""

    mean: NDArray[np.float64]
    """Shape (dimension,)."""
    root: NDArray[np.float64]
    """L, shape (dimension, rank), where L Lᵀ is the covariance."""
    noise: float
    """Variance of what ratings have besides."""


@dataclass(frozen=True)
class Snapshot:
    """The items of one version; nothing in it changes."""

    manifest: Manifest
    vectors: NDArray[np.float32]
    """Shape (items, dimension)."""
    items: tuple[Item, ...]
    """By number: id, title, other fields."""
    prior: Prior | None = None
    """By which users with ratings are folded in; None where scores are no ratings."""

    @property
    def version(self) -> str:
        """Of the publication."""
        return self.manifest.version

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each item, by its id."""
        return {item.item: number for number, item in enumerate(self.items)}

    def user(self, packed: bytes) -> UserFactors:
        """The parts of a record. Raises FormatError for what is none of this version's."""
        return unpack(packed, self.manifest.dimension, self.manifest.items)

    def rank(self, user: UserFactors, n: int, exclude: Collection[int] = ()) -> Ranked:
        """The best n items for a user, those rated and the excluded ones left out.

        The stored ranking where it has enough of them, else by the vectors.
        """
        ranking, scores = user.ranking, user.scores
        if len(ranking) and exclude:
            kept = ~np.isin(ranking, list(exclude))
            ranking, scores = ranking[kept], scores[kept]
        if len(ranking) >= n:
            return Ranked(ranking[:n], scores[:n])
        all_scores = self.vectors @ user.vector
        all_scores[user.rated] = _LEFT_OUT
        if exclude:
            all_scores[list(exclude)] = _LEFT_OUT
        return best(all_scores, n)

    def popular(self, n: int, exclude: Collection[int] = ()) -> Ranked:
        """The n most popular items, with their mean ratings or numbers of users."""
        popular = self.manifest.popular
        pairs = zip(popular.items, popular.scores, strict=True)
        found = [pair for pair in pairs if pair[0] not in exclude][:n] if exclude else None
        items = popular.items[:n] if found is None else [item for item, _ in found]
        scores = popular.scores[:n] if found is None else [score for _, score in found]
        return Ranked(np.array(items, dtype=np.int64), np.array(scores, dtype=np.float32))

    def shown(self, scores: NDArray[np.float32]) -> list[float]:
        """Scores as ratings: clipped to the scale, where there is one."""
        clipped = scores if self.manifest.scale is None else np.clip(scores, *self.manifest.scale)
        found: list[float] = clipped.tolist()
        return found


def best(scores: NDArray[np.float32], n: int) -> Ranked:
    """The n best of all items, those left out excepted; of equal ones the smaller number."""
    if n < len(scores):
        some = np.argpartition(-scores, n - 1)[:n]
        # Those that are as good as the last one are chosen by their numbers.
        least = scores[some].min()
        some = np.flatnonzero(scores >= least)
    else:
        some = np.arange(len(scores))
    some = some[scores[some] > _LEFT_OUT]
    found = some[np.argsort(-scores[some], kind="stable")][:n]
    return Ranked(found, scores[found])


def unpack(packed: bytes, dimension: int, items: int) -> UserFactors:
    """A record, as `contract.factors.unpack_user`, fast; it trusts the numbers of items."""
    if len(packed) < HEADER.size:
        raise FormatError("a record that was cut off")
    rated, ranked, flags = HEADER.unpack_from(packed)
    width = 2 if item_code(items) == "H" else 4
    given = rated if flags & WITH_RATINGS else 0
    size = HEADER.size + 2 * (dimension + given) + width * (rated + ranked) + 4 * ranked
    if len(packed) != size or flags & ~WITH_RATINGS:
        raise FormatError(f"a record of {len(packed):,} bytes where {size:,} are expected")
    code, at = f"<u{width}", HEADER.size

    def take(kind: str, count: int) -> NDArray[Any]:
        nonlocal at
        found = np.frombuffer(packed, kind, count, at)
        at += found.nbytes
        return found

    vector = take("<f2", dimension).astype(np.float32)
    left_out = take(code, rated).astype(np.int64)
    ratings = take("<f2", given).astype(np.float32)
    ranking, scores = take(code, ranked).astype(np.int64), take("<f4", ranked)
    return UserFactors(
        vector, left_out, ratings if flags & WITH_RATINGS else None, ranking, scores
    )


def load_snapshot(source: FactorSource, version: str) -> Snapshot:
    """All items of a version. Raises SourceError, also for what is damaged."""

    def refused(reason: object) -> SourceError:
        return SourceError(f"{source.where}: version {version}: {reason}: publish it again")

    try:
        manifest = decode_manifest(source.blob(version, MANIFEST))
        if manifest.version != version:
            raise refused(f"it says that it is {manifest.version}")
        content = {blob.name: _unpacked(source, version, blob) for blob in manifest.blobs}
        vectors = b"".join(_in_order(content, VECTORS))
        shape = (manifest.items, manifest.dimension)
        matrix = np.frombuffer(vectors, "<f2").reshape(shape).astype(np.float32)
        lines = b"".join(_in_order(content, ITEMS)).split(b"\n")[:-1]
        items = tuple(parse_item(parse_line(line)) for line in lines)
        prior = _prior_of(content.get(f"{PRIOR}-0", b""), manifest.dimension)
    except (FormatError, ValueError) as error:
        raise refused(error) from error
    if len(items) != manifest.items:
        raise refused(f"it has {len(items):,} of {manifest.items:,} items")
    if not np.isfinite(matrix).all():
        raise refused("it has vectors that are not finite")
    return Snapshot(manifest, matrix, items, prior)


def _prior_of(packed: bytes, dimension: int) -> Prior | None:
    if not packed:
        return None
    noise, mean, root = np.split(np.frombuffer(packed, "<f8"), [1, 1 + dimension])
    return Prior(mean, root.reshape(dimension, -1), float(noise[0]))


def _in_order(content: Mapping[str, bytes], kind: str) -> list[bytes]:
    of_kind = {name: blob for name, blob in content.items() if name.startswith(f"{kind}-")}
    return [of_kind[f"{kind}-{number}"] for number in range(len(of_kind))]


def _unpacked(source: FactorSource, version: str, blob: Blob) -> bytes:
    stored = source.blob(version, blob.name)
    if hashlib.sha256(stored).hexdigest() != blob.sha256:
        raise FormatError(f"{blob.name} is damaged: its content does not match its checksum")
    if blob.packing == "none":
        return stored
    try:
        from lz4.block import decompress
    except ModuleNotFoundError as error:
        raise FormatError(
            "it is packed by lz4, which is not installed: pip install 'botify[stores]'"
        ) from error
    unpack_lz4: Callable[..., bytes] = decompress
    return unpack_lz4(stored, uncompressed_size=blob.size)
