"""A request for items: from the query, and from a JSON body where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from botify.config import MAX_EXCLUDED
from botify.errors import InputError
from contract.errors import FormatError
from contract.ids import ID_RULE, owner_id
from contract.item_lists import MAX_ITEMS
from contract.jsonlines import parse_line

DEFAULT_K = 10
MAX_SEEDS = 20
"""Items that a request may ask for similar ones of."""
_QUERY = ("user_id", "k")
_BODY = ("user_id", "k", "exclude", "items", "session")
REPLACEMENT = "\ufffd"
"""What bytes that are not UTF-8 were turned into."""


class ItemRequest(NamedTuple):
    """Who asks, for how many items, and what for."""

    user: str
    k: int = DEFAULT_K
    exclude: tuple[str, ...] = ()
    """Items not to answer."""
    items: tuple[str, ...] = ()
    """Items that the user looks at: for recommenders of similar ones. They are not answered."""
    session: str | None = None
    """As the client names it; it is only logged."""


def parse_request(query: Mapping[str, Sequence[str]], body: bytes) -> ItemRequest:
    """A request. Raises InputError: a key or a value that is none of those above.

    Unknown keys are refused and not ignored: a filter that has no effect would go unnoticed.
    """
    fields: dict[str, Any] = {}
    for key, values in query.items():
        if key not in _QUERY:
            raise InputError(f"unknown parameter {key!r}: the query has {_names(_QUERY)}")
        if len(values) > 1:
            raise InputError(f"`{key}` is there twice")
        fields[key] = values[0]
    for key, value in _object(body).items():
        if key not in _BODY:
            raise InputError(f"unknown key {key!r}: the body may have {_names(_BODY)}")
        if value is None:
            continue
        if key in fields and str(value) != fields[key]:
            raise InputError(f"`{key}` differs in the query and in the body")
        fields[key] = value
    if "user_id" not in fields:
        raise InputError("`user_id` is missing: /recommendations/?user_id=1&k=5")
    session = fields.get("session")
    return ItemRequest(
        parse_id(fields["user_id"], "`user_id`"),
        parse_k(fields.get("k")),
        _ids(fields.get("exclude"), "exclude", MAX_EXCLUDED),
        _ids(fields.get("items"), "items", MAX_SEEDS),
        None if session is None else parse_id(session, "`session`"),
    )


def parse_k(value: object) -> int:
    """How many items, from a query or a body; None is the default. Raises InputError."""
    if value is None:
        return DEFAULT_K
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if type(value) is not int or not 1 <= value <= MAX_ITEMS:
        raise InputError(f"`k` must be an integer from 1 to {MAX_ITEMS:,}")
    return value


def parse_id(value: object, what: str) -> str:
    """An id of a user or an item. Raises InputError."""
    found = owner_id(value)
    if found is None:
        raise InputError(f"{what} must be {ID_RULE}")
    if REPLACEMENT in found:
        raise InputError(f"{what} must be UTF-8")
    return found


def _ids(values: object, key: str, most: int) -> tuple[str, ...]:
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > most:
        raise InputError(f"`{key}` must be a list of up to {most:,} items")
    return tuple(dict.fromkeys(parse_id(value, f"`{key}`: an item") for value in values))


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = parse_line(body)
    except (FormatError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError("the body must be a JSON object")
    return value


def _names(keys: Sequence[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
