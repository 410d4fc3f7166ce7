"""Changes of items in Redis: stock, price and whatever else a shop says of them by the hour."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from botify.files.jsonlines import encode
from botify.store.client import Connections, Script, script_text
from botify.store.keys import SHOP_ITEMS, SHOP_OFFERS

if TYPE_CHECKING:
    import redis

_CHUNK = 200
"""Changes per script: between two of them, Redis answers requests."""


class ItemChange(NamedTuple):
    """What changed of an item."""

    at: int
    """When, in ms since the epoch: of two values of a field, the later one stands."""
    item: str
    fields: Mapping[str, Any] | None
    """New values by name; None: the item was deleted. An item comes back with a later change."""


class ItemChanges:
    """Applies changes; holds no state of its own."""

    def __init__(self, client: "redis.Redis") -> None:
        self._apply = Script(Connections(client), script_text("change_items"))

    def apply(self, changes: Iterable[ItemChange]) -> None:
        """In effect with the next answer. May be repeated, in any order. Raises StoreError."""
        arguments: list[Any] = []
        for number, (at, item, fields) in enumerate(changes, 1):
            if fields is None:
                arguments += (at, item, -1)
            else:
                # With its id as a field: so an item exists of which nothing else is said.
                arguments += (at, item, len(fields) + 1, "item", encode(item))
                for name, value in fields.items():
                    arguments += (name, encode(value))
            if number % _CHUNK == 0:
                self._apply((SHOP_OFFERS, SHOP_ITEMS), arguments)
                arguments = []
        if arguments:
            self._apply((SHOP_OFFERS, SHOP_ITEMS), arguments)
