"""The event log of the shop face: what visitors did, what was answered, and changes of items."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from contract.errors import FormatError
from contract.events import Field
from contract.ids import ID_RULE, owner_id
from contract.timestamps import UNITS, unit_code
from contract.values import LARGEST_EXACT, integer, is_nothing, is_number

SHOP_MESSAGES = ("event", "item", "recommend")
"""What the lines of this face say in `message`."""

PURCHASE = "transaction"
KINDS = ("view", "addtocart", PURCHASE, "impression", "rating", "dismiss")
"""The kinds of event that every shop has; a config may name others."""

RECOMMEND = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("user", "text"),
    Field("items", "list"),
    Field("sources", "list"),
    Field("scores", "list"),
    Field("request", "text"),
    Field("experiments", "object"),
    Field("recommender", "text"),
    Field("model_version", "text", nullable=True),
    Field("latency", "number"),
    Field("k", "integer"),
    Field("session", "text", nullable=True),
    Field("run", "text"),
    Field("roles", "list"),
    Field("because", "list"),
    Field("forced", "object", only_if_forced=True),
)
"""The fields of a line that says `recommend`, in its order. `scores`, `roles` and `because` may
have nulls."""

SHADOW = Field("shadow", "object")
"""A field that such a line has besides where the config has a shadow recommender: `recommender`,
`items` and `sources`."""

FEATURES = Field("features", "object")
"""A field that such a line has besides where a ranker put the candidates in their order: `ranker`,
`version` of its file, `fingerprint` of its features, and their `values`, a list for each item,
null for an item that was not ranked."""

SHOP_EVENT = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("user", "text"),
    Field("item", "text"),
    Field("event", "text"),
    Field("id", "text"),
    Field("session", "text", nullable=True),
    Field("received", "integer"),
    Field("run", "text"),
)
"""The fields that every line that says `event` has, in its order. `received` is when the service
took the event, in ms; a reader that must not see the future compares that too."""

EVENT_DETAILS = (
    Field("request", "text"),
    Field("transaction", "text"),
    Field("value", "number"),
    Field("price", "number"),
    Field("quantity", "number"),
    Field("claimed", "integer"),
)
"""Fields that a line that says `event` has besides, where they are known. `claimed` is the time
that the client gave, where it lay in the future: then `timestamp` is when the event came in."""

ITEM_CHANGE = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("item", "text"),
    Field("fields", "object", nullable=True),
    Field("run", "text"),
)
"""The fields of a line that says `item`, in its order. `fields` are the new values, by name; null
where the item was deleted."""

REQUEST_KEYS = (
    *("user", "item", "event", "timestamp", "id", "session"),
    *("request", "transaction", "value", "price", "quantity"),
)
"""What an event may have in a request."""

_MS = UNITS.index("ms") + 1
"""The code of ms, as `unit_code` has it."""


class ShopEvent(NamedTuple):
    """What a visitor did, as it was sent or logged."""

    user: str
    item: str
    event: str
    """The kind."""
    timestamp: int | None = None
    """In ms; None if the event does not say it."""
    id: str | None = None
    session: str | None = None
    request: str | None = None
    """The id of the answer that the event follows."""
    transaction: str | None = None
    """The id of the order."""
    value: float | None = None
    """What the kind makes of it: the stars of a rating."""
    price: float | None = None
    """Of one piece."""
    quantity: float | None = None


def parse_shop_event(row: object) -> ShopEvent:
    """The event of a request's object or of a line; other keys are ignored. Raises FormatError.

    Whether its kind is one of the config's is not looked at.

    >>> parse_shop_event({"user": 7, "item": "sku-1", "event": "view"})[:3]
    ('7', 'sku-1', 'view')
    """
    if type(row) is not dict:
        raise FormatError("expected a JSON object")
    get = row.get
    event = get("event")
    if type(event) is not str or not event:
        raise FormatError("`event` must name the kind of event")
    return ShopEvent(
        _id(row, "user"),
        _id(row, "item"),
        event,
        _timestamp(get("timestamp")),
        _id_or_none(row, "id"),
        _id_or_none(row, "session"),
        _id_or_none(row, "request"),
        _id_or_none(row, "transaction"),
        _number(row, "value"),
        price_of(get("price")),
        _quantity(get("quantity")),
    )


def price_of(value: object) -> float | None:
    """A price; None where it is not known. Raises FormatError, as for a negative one."""
    if value is None:
        return None
    found = _finite(value)
    if found is None or found < 0:
        raise FormatError("`price` must be a number of 0 or more")
    return found


def _id(row: Mapping[str, Any], key: str) -> str:
    found = owner_id(row.get(key))
    if found is None:
        missing = "is missing: it" if row.get(key) is None else ""
        raise FormatError(" ".join(f"`{key}` {missing} must be {ID_RULE}".split()))
    return found


def _id_or_none(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    return None if value is None else _id(row, key)


def _timestamp(value: object) -> int | None:
    if value is None:
        return None
    found = integer(value)
    if found is None:
        raise FormatError("`timestamp` must be an integer, in ms since 1970")
    if found < 0 or unit_code(found) != _MS:
        raise FormatError(f"`timestamp` must be in ms since 1970: {found} is not of these years")
    return found


def _number(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if is_nothing(value):
        return None
    found = _finite(value)
    if found is None:
        raise FormatError(f"`{key}` must be a finite number")
    return found


def _finite(value: object) -> float | None:
    """A number; None for what is none, or too large for a double."""
    if not is_number(value):
        return None
    if isinstance(value, int) and abs(value) > LARGEST_EXACT:
        try:
            value = float(value)
        except OverflowError:
            return None
    return value if math.isfinite(value) else None


def _quantity(value: object) -> float | None:
    if value is None:
        return None
    found = _finite(value)
    if found is None or found <= 0:
        raise FormatError("`quantity` must be a number above 0")
    return found
