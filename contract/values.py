"""Values of JSON as other programs write them: `133.0` for an integer, NaN for nothing."""

import math
from typing import TypeGuard

LARGEST_EXACT = 2**53
"""Up to here a double holds every integer; a larger one may have lost its last digits."""


def is_nothing(value: object) -> bool:
    """Whether it stands for "no value": null, or the NaN that pandas has for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a JSON number, not true or false; NaN and the infinities are."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(value: object) -> int | None:
    """The integer that a JSON number is, also when it is written as 133.0 or 1.33e2.

    None for anything else: a fraction, text, true, and a float beyond 2^53, whose last digits
    may be lost.
    """
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, float) and abs(value) <= LARGEST_EXACT and value.is_integer():
        return int(value)
    return None
