"""List files: read, checked line by line, packed for the store."""

import struct
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from botify.catalog import pack
from botify.errors import InputError
from botify.files.jsonlines import is_integer, read_bytes, read_objects, reason

MAX_KEPT = 100
"""Popular tracks and neighbours are kept up to this rank."""

MAX_TRACKS = 1000
"""A longer list of a user or a track is refused."""

COUNT_KEY = "lists"
"""Key in a file's first line, if its writer put it there: the number of lists in the file."""

EVERYONE = ""
"""The key of the one list that all users share."""


class ListKind(Enum):
    """What a list file contains; the value names it in messages."""

    USERS = "lists of users"
    NEIGHBOURS = "lists of neighbours"
    TOP = "list of popular tracks"
    # With owners' ids: `botify.lists.item_reader`.
    ITEMS = "items"
    USER_ITEMS = "lists of items of users"
    ITEM_NEIGHBOURS = "lists of neighbours of items"
    POPULAR_ITEMS = "list of popular items"

    @property
    def has_owners_ids(self) -> bool:
        """Whether users and items have the ids that their owner gave them."""
        return self not in (ListKind.USERS, ListKind.NEIGHBOURS, ListKind.TOP)


def read_lists(
    path: Path, kind: ListKind, n_tracks: int, length: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield (key, packed tracks, best first) for each list of a file.

    The key is the user's or the track's decimal digits, or EVERYONE for popular tracks. `length`:
    number of tracks that a user's list must have, and that a track's may have. A track without
    neighbours may have an empty list, null, or none at all; users and the popular tracks may not.
    Neighbours may be keyed `item_id`. Popular tracks may be as many as the catalog has.
    Raises InputError naming file and line: malformed JSON, unknown or repeated tracks, too few or
    too many of them, an owner that comes twice or with two different ids, fewer lists than the
    first line says.
    """
    if kind is ListKind.TOP:
        top = _packed(_read_json(path), f"{path}: the list", n_tracks, (1, length or n_tracks))
        yield EVERYONE, _best(top)
        return
    of_users = kind is ListKind.USERS
    most = length or MAX_TRACKS
    sizes = ((length or 1) if of_users else 0, most)
    owners: set[int] = set()
    written = 0
    for place, row in read_objects(path):
        if not owners:
            written = row.get(COUNT_KEY, 0)
        owner_key = "user" if of_users else _track_key(row, place)
        owner = row.get(owner_key)
        if not is_integer(owner) or owner < 0:
            raise InputError(f"{place}: `{owner_key}` must be a non-negative integer")
        if not of_users and owner >= n_tracks:
            raise InputError(f"{place}: {_unknown(owner, n_tracks)}")
        if owner in owners:
            raise InputError(f"{place}: {owner_key} {owner} has a list already")
        owners.add(owner)
        if of_users:
            yield str(owner), _packed(row.get("tracks"), f"{place}: `tracks`", n_tracks, sizes)
            continue
        if (tracks := row.get("recommendations")) is None:
            continue
        if packed := _packed(tracks, f"{place}: `recommendations`", n_tracks, sizes):
            yield str(owner), _best(packed)
    if is_integer(written) and len(owners) < written:
        raise InputError(
            f"{path}: ends after {len(owners):,} of {written:,} lists, as its first line says; "
            "copy it again when it is complete"
        )


def _track_key(row: dict[str, Any], place: str) -> str:
    if "item_id" not in row:
        return "track"
    if row.get("track", row["item_id"]) != row["item_id"]:
        raise InputError(
            f"{place}: `track` {row['track']} and `item_id` {row['item_id']} differ; keep one"
        )
    return "item_id"


def _read_json(path: Path) -> Any:
    try:
        return orjson.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({reason(error)})") from error


def _best(packed: bytes) -> bytes:
    return packed[: MAX_KEPT * 4]


def _packed(value: Any, place: str, n_tracks: int, sizes: tuple[int, int]) -> bytes:
    """The tracks, packed. Raises InputError if something is wrong with them."""
    # Whole lists at a time, by fast operations; only a refused list is searched for the reason.
    least, most = sizes
    if not isinstance(value, list):
        raise InputError(f"{place} must be a list of integers")
    if not least <= len(value) <= most:
        wanted = str(most) if least == most else f"{least} to {most}"
        raise InputError(f"{place} has {len(value)} tracks; it must have {wanted}")
    try:
        packed = pack(value)
    except struct.error:  # not integers, or out of range
        raise _refusal(value, place, n_tracks) from None
    distinct = set(value)
    # The checks above take true and false for 1 and 0.
    booleans = not distinct.isdisjoint((0, 1)) and bool in map(type, value)
    if booleans or len(distinct) < len(value) or max(value, default=0) >= n_tracks:
        raise _refusal(value, place, n_tracks)
    return packed


def _refusal(value: list[Any], place: str, n_tracks: int) -> InputError:
    """The error for the first wrong track of a list."""
    if not all(map(is_integer, value)):
        return InputError(f"{place} must be a list of integers")
    before: set[int] = set()
    for track in value:
        if not 0 <= track < n_tracks:
            return InputError(f"{place}: {_unknown(track, n_tracks)}")
        if track in before:
            return InputError(f"{place}: track {track} is there twice")
        before.add(track)
    raise AssertionError("nothing is wrong with this list")


def _unknown(track: int, n_tracks: int) -> str:
    return f"track {track} is not in the catalog (0 to {n_tracks - 1})"
