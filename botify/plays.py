"""The body of `next` and `last`."""

from typing import Any, NamedTuple

import orjson

from botify.catalog import pack
from botify.config import MAX_EXCLUDED
from botify.errors import InputError
from botify.files.jsonlines import is_integer, reason


class Play(NamedTuple):
    """A track that was just played."""

    track: int
    time: float
    """Share of it that was played, 0 to 1."""
    exclude: bytes = b""
    """Packed tracks that must not be offered."""


def parse_play(body: bytes, n_tracks: int) -> Play:
    """Read `{"track": int, "time": float}` and, optional, `"exclude": [int, ...]`.

    Other fields are ignored. Raises InputError.
    """
    try:
        fields = orjson.loads(body)
    except ValueError as error:
        raise InputError(f"the body must be JSON ({reason(error)})") from error
    if not isinstance(fields, dict):
        raise InputError('the body must be an object such as {"track": 7, "time": 0.5}')
    for name in ("track", "time"):
        if name not in fields:
            raise InputError(f"`{name}` is missing")
    track, time = fields["track"], fields["time"]
    if not is_integer(track):
        raise InputError("`track` must be an integer")
    if not 0 <= track < n_tracks:
        raise InputError(f"track {track} is not in the catalog (0 to {n_tracks - 1})")
    if not is_integer(time) and not isinstance(time, float):
        raise InputError("`time` must be a number")
    if not 0 <= time <= 1:
        raise InputError("`time` must be between 0 and 1")
    exclude = fields.get("exclude")
    return Play(track, float(time), b"" if exclude is None else _tracks(exclude, n_tracks))


def _tracks(value: Any, n_tracks: int) -> bytes:
    if not isinstance(value, list) or not all(map(is_integer, value)):
        raise InputError("`exclude` must be a list of integers")
    if len(value) > MAX_EXCLUDED:
        raise InputError(f"`exclude` may name {MAX_EXCLUDED} tracks, not {len(value)}")
    for track in value:
        if not 0 <= track < n_tracks:
            raise InputError(
                f"`exclude`: track {track} is not in the catalog (0 to {n_tracks - 1})"
            )
    return pack(value)
