"""Records, blobs and manifests as bytes, fast: the forms are those of `contract.factors`."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.errors import FormatError
from contract.factors import (
    HEADER,
    WITH_RATINGS,
    Active,
    Blob,
    active_object,
    item_code,
    parse_active,
)
from contract.jsonlines import parse_line
from offline.errors import InputError

_WORTH = 0.9
"""A blob is packed where that leaves less than this share of it."""


class Rankings(NamedTuple):
    """Precomputed items of some users, best first; -1 where fewer are left."""

    items: NDArray[np.int64]
    """Shape (users, N)."""
    scores: NDArray[np.float32]


def pack_users(
    vectors: NDArray[np.float16],
    bounds: NDArray[Any],
    rated: NDArray[Any],
    ratings: NDArray[np.float16] | None,
    rankings: Rankings | None,
    items: int,
) -> Iterator[bytes]:
    """The record of each of some users.

    `rated` and `ratings` hold those of user u at `bounds[u]` to `bounds[u + 1]`, the items
    ascending; `items`: how many items there are.
    """
    code = f"<u{2 if item_code(items) == 'H' else 4}"
    rows = np.ascontiguousarray(vectors, dtype="<f2")
    numbers = np.ascontiguousarray(rated, dtype=code)
    given = None if ratings is None else np.ascontiguousarray(ratings, dtype="<f2")
    flags = 0 if given is None else WITH_RATINGS
    ranked, ranking = 0, b""
    for user, (start, end) in enumerate(itertools.pairwise(bounds)):
        if rankings is not None:
            there = rankings.items[user] >= 0
            ranked = int(there.sum())
            ranking = (
                rankings.items[user][there].astype(code).tobytes()
                + rankings.scores[user][there].astype("<f4").tobytes()
            )
        yield b"".join(
            (
                HEADER.pack(end - start, ranked, flags),
                rows[user].tobytes(),
                numbers[start:end].tobytes(),
                b"" if given is None else given[start:end].tobytes(),
                ranking,
            )
        )


def pack_blob(name: str, content: bytes, compress: bool) -> tuple[Blob, bytes]:
    """A blob, and how it is stored: as lz4 where it may be and that is worth it."""
    stored, packing = content, "none"
    if compress:
        import lz4.block

        packed: bytes = lz4.block.compress(content, store_size=False)
        if len(packed) < _WORTH * len(content):
            stored, packing = packed, "lz4"
    return Blob(name, len(content), packing, hashlib.sha256(stored).hexdigest()), stored


def encode_active(active: Active) -> bytes:
    """As JSON."""
    return f"{json.dumps(active_object(active))}\n".encode()


def decode_active(content: bytes | None) -> Active | None:
    """The inverse; None for None. Raises InputError."""
    if content is None:
        return None
    try:
        return parse_active(parse_line(content))
    except FormatError as error:
        raise InputError(f"the active version of factors cannot be read: {error}") from error


def digest_of(parts: Sequence[Any]) -> str:
    """16 hexadecimal digits that follow from texts, bytes and arrays, and from their order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str} {part.shape};".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            content = part if isinstance(part, bytes) else json.dumps(part).encode()
            digest.update(f"{len(content)};".encode())
            digest.update(content)
    return digest.hexdigest()[:16]
