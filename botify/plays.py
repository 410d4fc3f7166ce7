"""The body of `next` and `last`, checked."""

from typing import NamedTuple

import orjson

from botify.errors import InputError
from botify.jsonlines import is_integer, reason


class Play(NamedTuple):
    """A track that was just played."""

    track: int
    time: float
    """Share of it that was played, 0 to 1."""


def parse_play(body: bytes, n_tracks: int) -> Play:
    """Read `{"track": int, "time": float}`; other fields are ignored. Raises InputError."""
    try:
        fields = orjson.loads(body)
    except ValueError as error:
        raise InputError(f"the body must be JSON ({reason(error)})") from error
    if not isinstance(fields, dict):
        raise InputError('the body must be an object such as {"track": 7, "time": 0.5}')
    for name in Play._fields:
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
    return Play(track, float(time))
