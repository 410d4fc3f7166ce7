"""Ids of the music protocol: non-negative integers, of users of any size."""

from contract.values import integer

MOST_DIGITS = 200
"""The service refuses a user id with more digits."""


def track_id(value: object) -> int | None:
    """A track's id from a JSON value; None if it is not an id. `7.0` is 7."""
    number = integer(value)
    return number if number is not None and number >= 0 else None


def user_digits(value: object) -> str | None:
    """A user's id as decimal digits, as logs and tables have it; None if it is not an id.

    Text of digits, as in columns for ids of any size, counts as the number: `0007` is user 7.
    """
    if isinstance(value, str):
        return canonical_digits(value)
    number = integer(value)
    return None if number is None or number < 0 else str(number)


def canonical_digits(text: str) -> str | None:
    """The digits of a number without leading zeros; None for any other text."""
    if not text.isascii() or not text.isdigit():
        return None
    return text.lstrip("0") or "0"
