"""JSON values as other programs write them: `133.0` for an integer, NaN for null."""

import math
from typing import TypeGuard

LARGEST_EXACT = 2**53
"""A double represents every integer up to this one; a larger one may have lost its last digits."""


def is_nothing(value: object) -> bool:
    """Whether it means "no value": null, or NaN, which pandas uses for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a JSON number, NaN and infinities included; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(value: object) -> int | None:
    """The integer value of a JSON number, also if written as 133.0 or 1.33e2.

    None for anything else: a fraction, text, true, and a float beyond 2^53, whose last digits
    may be lost.
    """
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    if isinstance(value, float) and abs(value) <= LARGEST_EXACT and value.is_integer():
        return int(value)
    return None
