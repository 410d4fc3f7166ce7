"""Lists with owners' ids, best first, and the items they are of.

`recommendations.json`  JSON Lines {"user": id, "items": [id, ...], "scores": [number, ...]}
`neighbours.json`       JSON Lines {"item": id, "items": [id, ...], "scores": [number, ...]}
`popular.json`          one object {"items": [id, ...], "scores": [number, ...]}
`items.json`            JSON Lines {"item": id, "title": text or null, other fields ...}

Ids as in `contract.ids`. `scores` may be null or absent; else there is a finite number for each
item, of any scale: larger is better within one list. Nothing follows from the order of lines, nor
from keys that are not named here. The names are those of `contract.files`; the music protocol's
`recommendations.json` and `neighbours.json` have `tracks` and `track` instead (`contract.lists`).
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from contract.errors import FormatError
from contract.ids import ID_RULE, owner_id
from contract.values import is_nothing, is_number

MAX_ITEMS = 1000
"""Of one list."""


class ItemList(NamedTuple):
    """Items, best first."""

    items: tuple[str, ...]
    scores: tuple[float, ...] | None
    """One for each item; None if the list has none."""


class Item(NamedTuple):
    """A line of `items.json`."""

    item: str
    title: str
    """"" if unknown."""
    fields: dict[str, Any]
    """What else the line has, by name."""


def parse_user_items(row: object) -> tuple[str, ItemList]:
    """User and list of a line of `recommendations.json`. Raises FormatError."""
    fields = _object(row)
    user = _id(fields, "user")
    found = _list(fields)
    if not found.items:
        raise FormatError("`items` must be a list of at least one item")
    return user, found


def parse_item_neighbours(row: object) -> tuple[str, ItemList]:
    """Item and its neighbours; `items` may be null, absent or empty where it has none.

    Raises FormatError, also for an item that is its own neighbour.
    """
    fields = _object(row)
    item = _id(fields, "item")
    if is_nothing(fields.get("items")):
        return item, ItemList((), None)
    found = _list(fields)
    if item in found.items:
        raise FormatError(f"`items`: item {item!r} is its own neighbour")
    return item, found


def parse_popular(value: object) -> ItemList:
    """The object of `popular.json`. Raises FormatError."""
    found = _list(_object(value))
    if not found.items:
        raise FormatError("`items` must be a list of at least one item")
    return found


def parse_item(row: object) -> Item:
    """A line of `items.json`. Raises FormatError."""
    fields = _object(row)
    item, title = _id(fields, "item"), fields.get("title")
    if is_nothing(title):
        title = ""
    if not isinstance(title, str):
        raise FormatError("`title` must be a text, or null where it is not known")
    others = {key: value for key, value in fields.items() if key not in ("item", "title")}
    return Item(item, title, others)


def _object(row: object) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    return row


def _id(fields: Mapping[str, Any], key: str) -> str:
    found = owner_id(fields.get(key))
    if found is None:
        raise FormatError(f"`{key}` must be {ID_RULE}")
    return found


def _list(fields: Mapping[str, Any]) -> ItemList:
    values = fields.get("items")
    if not isinstance(values, list):
        raise FormatError("`items` must be a list of ids")
    if len(values) > MAX_ITEMS:
        raise FormatError(f"`items` has {len(values):,} items; it may have {MAX_ITEMS:,}")
    items: dict[str, None] = {}
    for value in values:
        item = owner_id(value)
        if item is None:
            raise FormatError(f"`items`: an id must be {ID_RULE}")
        if item in items:
            raise FormatError(f"`items`: item {item!r} is there twice")
        items[item] = None
    return ItemList(tuple(items), _scores(fields.get("scores"), len(items)))


def _scores(value: object, count: int) -> tuple[float, ...] | None:
    if is_nothing(value):
        return None
    if not isinstance(value, list) or len(value) != count:
        raise FormatError(f"`scores` must be a list of {count} numbers, one for each item")
    if not all(is_number(score) and math.isfinite(score) for score in value):
        raise FormatError("`scores` must be finite numbers")
    return tuple(map(float, value))
