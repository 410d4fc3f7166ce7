"""Values of a request, from a query, a form or a JSON body, for the faces with owners' ids."""

from typing import Any

from botify.errors import InputError
from contract.errors import FormatError
from contract.ids import ID_RULE, owner_id
from contract.jsonlines import parse_line
from contract.values import integer

REPLACEMENT = "\ufffd"
"""What bytes that are not UTF-8 were turned into."""


def parse_id(value: object, what: str) -> str:
    """An id of a user or an item. Raises InputError."""
    found = owner_id(value)
    if found is None:
        raise InputError(f"{what} must be {ID_RULE}")
    if REPLACEMENT in found:
        raise InputError(f"{what} must be UTF-8")
    return found


def parse_count(value: object, what: str, most: int) -> int:
    """How many items, from 1 on. Raises InputError."""
    if isinstance(value, str):
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    else:
        number = integer(value)
    if number is None or not 1 <= number <= most:
        raise InputError(f"{what} must be an integer from 1 to {most:,}")
    return number


def json_object(body: bytes) -> dict[str, Any]:
    """The object of a body; an empty body is an empty one. Raises InputError."""
    if not body:
        return {}
    try:
        value = parse_line(body, repeats=False)
    except (FormatError, RecursionError) as error:
        raise InputError(f"the body: {error}") from error
    if not isinstance(value, dict):
        raise InputError("the body must be a JSON object")
    return value
