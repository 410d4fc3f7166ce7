"""List files: read, checked line by line, packed for the store."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from botify.catalog import pack
from botify.errors import InputError
from botify.jsonlines import is_integer, read_bytes, read_objects, reason

LONGEST = 100
"""Popular tracks and neighbours count up to this place; the rest of such a list is not kept."""

EVERYONE = ""
"""The key of a list that belongs to nobody in particular."""


class ListKind(Enum):
    """What a list file holds; the value names it in messages."""

    USERS = "lists of users"
    NEIGHBOURS = "lists of neighbours"
    TOP = "list of popular tracks"


def read_lists(path: Path, kind: ListKind, n_tracks: int) -> Iterator[tuple[str, bytes]]:
    """Yield (key, packed tracks, best first) for each list of a file.

    The key is the user's or the track's decimal digits, or EVERYONE for popular tracks.
    Raises InputError naming file and line: malformed JSON, unknown or repeated tracks, an owner
    that comes twice.
    """
    if kind is ListKind.TOP:
        yield EVERYONE, pack(_read_top(path, n_tracks)[:LONGEST])
        return
    owner_key, tracks_key = (
        ("user", "tracks") if kind is ListKind.USERS else ("track", "recommendations")
    )
    owners: set[int] = set()
    for place, row in read_objects(path):
        owner = row.get(owner_key)
        if not is_integer(owner) or owner < 0:
            raise InputError(f"{place}: `{owner_key}` must be a non-negative integer")
        if kind is ListKind.NEIGHBOURS and owner >= n_tracks:
            raise InputError(f"{place}: {_unknown(owner, n_tracks)}")
        if owner in owners:
            raise InputError(f"{place}: {owner_key} {owner} has a list already")
        owners.add(owner)
        tracks = _checked(row.get(tracks_key), f"{place}: `{tracks_key}`", n_tracks)
        yield str(owner), pack(tracks if kind is ListKind.USERS else tracks[:LONGEST])


def _read_top(path: Path, n_tracks: int) -> list[int]:
    try:
        value = orjson.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({reason(error)})") from error
    return _checked(value, f"{path}: the list", n_tracks)


def _checked(value: Any, place: str, n_tracks: int) -> list[int]:
    # By sets and extremes, not track by track: a million lists of 50 pass through here.
    if not isinstance(value, list) or not set(map(type, value)) <= {int}:
        raise InputError(f"{place} must be a list of integers")
    for track in (min(value, default=0), max(value, default=0)):
        if not 0 <= track < n_tracks:
            raise InputError(f"{place}: {_unknown(track, n_tracks)}")
    if len(set(value)) != len(value):
        repeated = next(track for i, track in enumerate(value) if track in value[:i])
        raise InputError(f"{place}: track {repeated} is there twice")
    return value


def _unknown(track: int, n_tracks: int) -> str:
    return f"track {track} is not in the catalog (0 to {n_tracks - 1})"
