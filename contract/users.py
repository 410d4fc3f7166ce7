"""Users of a world (`users.json`): what they like, and how they listen."""

import math
from collections.abc import Callable
from typing import NamedTuple

from contract.errors import FormatError
from contract.ids import track_id
from contract.values import integer, is_nothing, is_number

DEFAULTS = {
    "consume_bias": 5.0,
    "consume_sharpness": 1.0,
    "interest_neighbours": 10,
    "session_budget": 5,
    "artist_discount_gamma": 0.8,
}
"""For traits that a line leaves out, unless the config of the world says otherwise."""


LARGEST = 2**63 - 1
"""Ids of users of a world; the log may have larger ones."""


class User(NamedTuple):
    """A line; None stands for the default of the world."""

    user: int
    interests: tuple[int, ...]
    consume_bias: float | None = None
    consume_sharpness: float | None = None
    interest_neighbours: int | None = None
    session_budget: int | None = None
    artist_discount_gamma: float | None = None


def parse_user(row: object) -> User:
    """A line of users.json; unknown keys are ignored. Raises FormatError."""
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    user = track_id(row.get("user"))
    if user is None or user > LARGEST:
        raise FormatError("`user` must be an integer from 0 to 2^63 - 1")
    interests = row.get("interests")
    tracks = [track_id(entry) for entry in interests] if isinstance(interests, list) else []
    known = [track for track in tracks if track is not None]
    if not known or len(known) < len(tracks):
        raise FormatError("`interests` must be a list of at least one track")
    return User(
        user,
        tuple(known),
        _number(row, "consume_bias", "a number", math.isfinite),
        _number(row, "consume_sharpness", "a number above 0", lambda x: 0 < x < math.inf),
        _count(row, "interest_neighbours"),
        _count(row, "session_budget"),
        _number(row, "artist_discount_gamma", "a number from 0 to 1", lambda x: 0 <= x <= 1),
    )


def _number(
    row: dict[str, object], key: str, wanted: str, fits: Callable[[float], bool]
) -> float | None:
    value = row.get(key)
    if is_nothing(value):
        return None
    if not is_number(value) or not fits(value):
        raise FormatError(f"`{key}` must be {wanted}")
    return float(value)


def _count(row: dict[str, object], key: str) -> int | None:
    value = row.get(key)
    if is_nothing(value):
        return None
    number = integer(value)
    if number is None or number < 1:
        raise FormatError(f"`{key}` must be a positive integer")
    return number
