"""A publication of factors: a vector for each user and each item, for the service to rank with.

A publication has a version, a text that follows from its content, and two sides that may lie in
two stores: users, one record each, by the owner's id; and items, whose vectors, ids and fields are
blobs that a manifest lists. Only the items' store says which version is active, so that users,
items and ids are switched together. Where things lie in a store: `contract.factor_stores`.

A record, little-endian:

    uint32 rated, uint16 ranked, uint8 flags (1: with ratings), a byte of 0
    float16 × dimension             the user's vector
    uint16 or uint32 × rated        numbers of the rated items, ascending
    float16 × rated                 what the user gave them, with flag 1
    uint16 or uint32 × ranked       numbers of precomputed items, best first
    float32 × ranked                their scores

Numbers of items are uint16 where there are no more than 65,536 items. The score of an item is the
dot product of the two vectors: a rating, before it is clipped to the scale, where the manifest has
a scale. The blobs `vectors-0`, `vectors-1` ... have BLOCK_ITEMS rows of float16 each, the last one
what is left; `items-0` ... the lines of `contract.item_lists.parse_item` of the same items. Of
ratings there is `prior-0`, by which users are folded in: float64 of the noise's variance s², of
the mean m of users' vectors (dimension), and of L (dimension × rank, by rows), where L Lᵀ is their
covariance.
"""

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping
from struct import Struct
from struct import error as StructError
from typing import Any, NamedTuple

from contract.errors import FormatError
from contract.item_lists import MAX_ITEMS
from contract.jsonlines import parse_line
from contract.values import integer, is_number

FORM = 1
"""Of manifests, records and stores."""
HEADER = Struct("<IHBx")
WITH_RATINGS = 1
BLOCK_ITEMS = 4096
MAX_DIMENSION = 4000
"""The most that an index over pgvector's halfvec takes."""
MAX_RANKED = MAX_ITEMS
MAX_EARLIER = 100
"""Versions that are remembered to have been active."""
VECTORS, ITEMS, PRIOR = "vectors", "items", "prior"
"""Beginnings of the names of blobs."""
PACKINGS = ("none", "lz4")
"""Of a blob; lz4 is the block format, without the size."""
VERSION = re.compile(r"[0-9a-f]{16}")
SUM = "sha256"
"""The key of a manifest's checksum, and of a blob's."""
_BLANK = "0" * 64
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UserRecord(NamedTuple):
    """What is stored of a user."""

    vector: tuple[float, ...]
    rated: tuple[int, ...]
    """Numbers of the items, ascending: they are left out."""
    ratings: tuple[float, ...] | None
    """One for each; None for data without ratings."""
    ranking: tuple[int, ...]
    """Precomputed items, best first; empty where there are none."""
    scores: tuple[float, ...]


class Blob(NamedTuple):
    """A blob of the items' side, as the manifest lists it."""

    name: str
    size: int
    """In bytes, unpacked."""
    packing: str
    sha256: str
    """Of what is stored."""


class Popular(NamedTuple):
    """What users without a record get, most popular first."""

    items: tuple[int, ...]
    """Numbers."""
    scores: tuple[float, ...]
    """Mean ratings; numbers of users where there is no scale."""


class Manifest(NamedTuple):
    """What a publication is."""

    version: str
    model: str
    scale: tuple[float, float] | None
    """Least and largest rating; None: scores only rank."""
    dimension: int
    users: int
    items: int
    precomputed: int
    """Length of the stored rankings; 0: there are none."""
    popular: Popular
    blobs: tuple[Blob, ...]
    numbered: bool = False
    """Whether every user's id is a whole number: then a request for another one is a mistake."""


class Active(NamedTuple):
    """Which version readers use, and which ones they used before."""

    version: str
    since: int
    """ms since the epoch."""
    earlier: tuple[tuple[str, int], ...] = ()
    """Versions and since when, the latest first."""


def item_code(items: int) -> str:
    """The code, as in `struct`, of numbers of that many items."""
    return "H" if items <= 2**16 else "I"


def pack_user(record: UserRecord, items: int) -> bytes:
    """The bytes of a record; `items`: how many there are."""
    flags = 0 if record.ratings is None else WITH_RATINGS
    code, rated, ranked = item_code(items), len(record.rated), len(record.ranking)
    given = record.ratings or ()
    form = Struct(f"<{len(record.vector)}e{rated}{code}{len(given)}e{ranked}{code}{ranked}f")
    numbers = (*record.vector, *record.rated, *given, *record.ranking, *record.scores)
    return HEADER.pack(rated, ranked, flags) + form.pack(*numbers)


def unpack_user(packed: bytes, dimension: int, items: int) -> UserRecord:
    """The inverse of `pack_user`. Raises FormatError for what it cannot have made."""
    try:
        rated, ranked, flags = HEADER.unpack_from(packed)
        given, code = rated if flags & WITH_RATINGS else 0, item_code(items)
        form = Struct(f"<{dimension}e{rated}{code}{given}e{ranked}{code}{ranked}f")
        numbers = form.unpack(packed[HEADER.size :])
    except StructError as error:
        raise FormatError(f"a record of {len(packed):,} bytes has another length") from error
    ends = [dimension, dimension + rated, dimension + rated + given]
    vector, left_out = numbers[: ends[0]], numbers[ends[0] : ends[1]]
    ratings, rest = numbers[ends[1] : ends[2]], numbers[ends[2] :]
    ranking, scores = rest[:ranked], rest[ranked:]
    if flags & ~WITH_RATINGS:
        raise FormatError(f"a record with unknown flags ({flags})")
    if any(a >= b for a, b in itertools.pairwise(left_out)):
        raise FormatError("the rated items of a record must ascend")
    if any(number >= items for number in (*left_out, *ranking)):
        raise FormatError(f"a record with an item that is none of {items:,}")
    if not all(map(math.isfinite, (*vector, *ratings, *scores))):
        raise FormatError("a record with numbers that are not finite")
    return UserRecord(vector, left_out, ratings if flags & WITH_RATINGS else None, ranking, scores)


def blocks(items: int) -> range:
    """The number of the first item of each block."""
    return range(0, items, BLOCK_ITEMS)


def manifest_object(manifest: Manifest) -> dict[str, Any]:
    """As JSON has it: the schema `factors`."""
    return {
        "form": FORM,
        **manifest._asdict(),
        "dtype": "float16",
        "popular": manifest.popular._asdict(),
        "blobs": [blob._asdict() for blob in manifest.blobs],
    }


def encode_manifest(manifest: Manifest) -> bytes:
    """As JSON, with `sha256`, the sum of it all while that is 64 zeros."""
    blank = f"{json.dumps(manifest_object(manifest) | {SUM: _BLANK})}\n".encode()
    return blank.replace(_BLANK.encode(), hashlib.sha256(blank).hexdigest().encode())


def decode_manifest(content: bytes) -> Manifest:
    """The inverse. Raises FormatError, also where the sum is another one."""
    value = parse_line(content)
    digest = value.get(SUM) if isinstance(value, dict) else None
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise FormatError("a manifest without a checksum")
    if hashlib.sha256(content.replace(digest.encode(), _BLANK.encode())).hexdigest() != digest:
        raise FormatError("the manifest is damaged: its content does not match its checksum")
    return parse_manifest(value)


def parse_manifest(value: object) -> Manifest:
    """The inverse of `manifest_object`, of JSON. Raises FormatError; other keys are ignored."""
    fields = _object(value, "a manifest")
    if fields.get("form") != FORM or fields.get("dtype") != "float16":
        raise FormatError(
            f"a manifest of form {fields.get('form')!r} with {fields.get('dtype')!r}: this "
            f"program reads form {FORM} with 'float16'"
        )
    if not isinstance(fields.get("model"), str):
        raise FormatError("`model` must be a text")
    items, popular = _count(fields, "items", 1), _object(fields.get("popular"), "`popular`")
    numbers = [integer(number) for number in _list(popular, "items")]
    if any(number is None or not 0 <= number < items for number in numbers):
        raise FormatError(f"`popular` has an item that is none of {items:,}")
    scores = _numbers(popular, "scores", len(numbers))
    scale = None if fields.get("scale") is None else _numbers(fields, "scale", 2)
    if scale and scale[0] >= scale[1]:
        raise FormatError("`scale` must be the least and the largest rating")
    return Manifest(
        _version(fields),
        str(fields["model"]),
        (scale[0], scale[1]) if scale else None,
        _count(fields, "dimension", 1, MAX_DIMENSION),
        _count(fields, "users", 0),
        items,
        _count(fields, "precomputed", 0, MAX_RANKED),
        Popular(tuple(number for number in numbers if number is not None), scores),
        tuple(_blob(_object(blob, "a blob")) for blob in _list(fields, "blobs")),
        fields.get("numbered") is True,
    )


def active_object(active: Active) -> dict[str, Any]:
    """As JSON has it: the schema `factors_active`."""
    return {
        "form": FORM,
        "version": active.version,
        "since": active.since,
        "earlier": [{"version": version, "since": since} for version, since in active.earlier],
    }


def parse_active(value: object) -> Active:
    """The inverse of `active_object`. Raises FormatError; other keys are ignored."""
    fields = _object(value, "the active version")
    if fields.get("form") != FORM:
        raise FormatError(f"form {fields.get('form')!r}: this program reads form {FORM}")
    earlier = [_object(each, "`earlier`: each") for each in _list(fields, "earlier")]
    return Active(
        _version(fields),
        _count(fields, "since", 0),
        tuple((_version(each), _count(each, "since", 0)) for each in earlier),
    )


def activated(active: Active | None, version: str, now: int) -> Active:
    """What is active from `now` (ms) on, with `version`; of each version its last use counts."""
    if active is None or active.version == version:
        return active or Active(version, now)
    before = ((active.version, active.since), *active.earlier)
    others = [each for each in before if each[0] != version]
    return Active(version, now, tuple(others[:MAX_EARLIER]))


def in_use(active: Active | None, keep: int, now: int, grace: int) -> set[str]:
    """Versions not to delete: the active one, the `keep` - 1 before it, and each that was active
    less than `grace` ms ago, as a reader may hold it still."""
    if active is None:
        return set()
    found, replaced = {active.version}, active.since
    for place, (version, since) in enumerate(active.earlier, 2):
        if place <= keep or now - replaced < grace:
            found.add(version)
        replaced = since
    return found


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"{what} must be a JSON object")
    return value


def _list(fields: Mapping[str, Any], key: str) -> Iterable[Any]:
    value = fields.get(key)
    if not isinstance(value, list):
        raise FormatError(f"`{key}` must be a list")
    return value


def _version(fields: Mapping[str, Any]) -> str:
    value = fields.get("version")
    if not isinstance(value, str) or not VERSION.fullmatch(value):
        raise FormatError("`version` must be 16 hexadecimal digits")
    return value


def _count(fields: Mapping[str, Any], key: str, least: int, most: int = 2**53) -> int:
    number = integer(fields.get(key))
    if number is None or not least <= number <= most:
        raise FormatError(f"`{key}` must be an integer from {least:,} to {most:,}")
    return number


def _numbers(fields: Mapping[str, Any], key: str, count: int) -> tuple[float, ...]:
    value = fields.get(key)
    if not isinstance(value, list) or len(value) != count:
        raise FormatError(f"`{key}` must be a list of {count} numbers")
    if not all(is_number(number) and math.isfinite(number) for number in value):
        raise FormatError(f"`{key}` must have finite numbers")
    return tuple(map(float, value))


def _blob(fields: Mapping[str, Any]) -> Blob:
    name, sha256 = fields.get("name"), fields.get("sha256")
    if not isinstance(name, str) or not re.fullmatch(f"({VECTORS}|{ITEMS}|{PRIOR})-[0-9]+", name):
        raise FormatError("`name` of a blob must be vectors-0, items-0 and so on")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise FormatError("`sha256` of a blob must be 64 hexadecimal digits")
    if fields.get("packing") not in PACKINGS:
        raise FormatError(f"`packing` of a blob must be one of {', '.join(PACKINGS)}")
    return Blob(name, _count(fields, "size", 0), fields["packing"], sha256)
