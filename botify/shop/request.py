"""A request for items: from the query, and from a JSON body where there is one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from botify.config import MAX_EXCLUDED
from botify.errors import InputError
from botify.request_values import json_object, parse_count, parse_id
from botify.store.item_filter import ANY_ITEM, ItemFilter
from contract.item_lists import MAX_ITEMS
from contract.values import is_number

DEFAULT_K = 10
MAX_SEEDS = 20
"""Items that a request may ask for similar ones of."""
_QUERY = ("user_id", "k")
MAX_CATEGORIES = 20
"""Of a request."""
_BODY = (
    *("user_id", "k", "exclude", "items", "session"),
    *("category", "price", "reminders", "discoveries"),
)


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
    within: ItemFilter = ANY_ITEM
    """The categories that it names, and bounds of the price."""
    reminders: bool = True
    """Whether items may be answered that the visitor has seen before."""
    discoveries: bool = True
    """Whether others may."""


def parse_request(query: Mapping[str, Sequence[str]], body: bytes) -> ItemRequest:
    """A request. Raises InputError: a key or a value that is none of those above.

    Unknown keys are refused and not ignored: a filter that has no effect would go unnoticed.
    """
    fields: dict[str, Any] = {}
    for key, values in query.items():
        if key not in _QUERY:
            raise InputError(f"unknown parameter {key!r}: the query has {names(_QUERY)}")
        if len(values) > 1:
            raise InputError(f"`{key}` is there twice")
        fields[key] = values[0]
    for key, value in json_object(body).items():
        if key not in _BODY:
            raise InputError(f"unknown key {key!r}: the body may have {names(_BODY)}")
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
        ItemFilter(_categories(fields.get("category")), *_bounds(fields.get("price"))),
        _flag(fields, "reminders"),
        _flag(fields, "discoveries"),
    )


def parse_k(value: object) -> int:
    """How many items, from a query or a body; None is the default. Raises InputError."""
    return DEFAULT_K if value is None else parse_count(value, "`k`", MAX_ITEMS)


def _ids(values: object, key: str, most: int) -> tuple[str, ...]:
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > most:
        raise InputError(f"`{key}` must be a list of up to {most:,} items")
    return tuple(dict.fromkeys(parse_id(value, f"`{key}`: an item") for value in values))


def _categories(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MAX_CATEGORIES:
        raise InputError(f"`category` must be a category, or a list of 1 to {MAX_CATEGORIES}")
    return frozenset(parse_id(each, "`category`") for each in values)


def _bounds(value: object) -> tuple[float | None, float | None]:
    if value is None:
        return None, None
    wrong = '`price` must be {"min": number, "max": number}, or one of the two'
    if not isinstance(value, dict) or not value or value.keys() - {"min", "max"}:
        raise InputError(wrong)
    bounds = value.get("min"), value.get("max")
    if not all(bound is None or (is_number(bound) and bound >= 0) for bound in bounds):
        raise InputError(f"{wrong}, not negative")
    least, most = bounds
    if least is not None and most is not None and least > most:
        raise InputError("`price`: `min` is above `max`")
    return least, most


def _flag(fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key, True)
    if not isinstance(value, bool):
        raise InputError(f"`{key}` must be true or false")
    return value


def names(keys: Sequence[str]) -> str:
    """Keys as messages show them."""
    return ", ".join(f"`{key}`" for key in keys)
