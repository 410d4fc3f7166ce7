"""Ids of the music protocol: non-negative integers, of users of any size."""

from contract.values import integer

MOST_DIGITS = 200
"""A user id of more is refused by the service."""


def track_id(value: object) -> int | None:
    """A track's id from a JSON value; None where it is none. `7.0` is 7."""
    number = integer(value)
    return number if number is not None and number >= 0 else None


def user_digits(value: object) -> str | None:
    """A user's id as decimal digits, by which logs and tables know it; None where it is none.

    Digits given as text, as in a column that has room for ids of any size, count as the number
    that they are: `0007` and 7 are one user.
    """
    if isinstance(value, str):
        return canonical_digits(value)
    number = integer(value)
    return None if number is None or number < 0 else str(number)


def canonical_digits(text: str) -> str | None:
    """The digits of a number without zeros in front; None for a text of anything else."""
    if not text.isascii() or not text.isdigit():
        return None
    return text.lstrip("0") or "0"
