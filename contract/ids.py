"""Ids: of the music protocol, non-negative integers (of users of any size); and owners' ids.

An owner's id is the id that a user or an item has in the data that it came from: a text, or an
integer, which stands for its decimal text. `7` and `"7"` are the same id, `"07"` is another one.
"""

import re

from contract.values import integer

MOST_DIGITS = 200
"""The service refuses a user id with more digits."""
MAX_ID_CHARACTERS = 255
"""Of an owner's id."""
NOT_IN_IDS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates, which an owner's id must not have."""
ID_RULE = (
    f"a text of 1 to {MAX_ID_CHARACTERS} characters without control characters, or an integer"
)


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


def owner_id(value: object) -> str | None:
    """An owner's id from a JSON value, as text; None if it is not an id. `7.0` is "7".

    A text is taken as it is: case, spaces and leading zeros count.
    """
    if not isinstance(value, str):
        number = integer(value)
        if number is None or abs(number) >= 10**MAX_ID_CHARACTERS:
            return None
        value = str(number)
    if not 0 < len(value) <= MAX_ID_CHARACTERS or NOT_IN_IDS.search(value):
        return None
    return value
