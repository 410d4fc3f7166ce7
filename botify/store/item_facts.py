"""What is known of items at a moment, with how often they were viewed, carted and bought."""

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from botify.store.client import Connections, Script, script_text
from botify.store.keys import SHOP_ITEMS, SHOP_KEYS, SHOP_OFFERS, SHOP_SUMS

if TYPE_CHECKING:
    import redis

_KEYS = (SHOP_KEYS.lists, SHOP_OFFERS, SHOP_ITEMS, SHOP_SUMS)
_SUMS, _ITEM = Struct("<3d"), Struct("<6d")


class FactsFound(NamedTuple):
    """Of all items that were asked for. Sums are of views, carts and purchases."""

    items: list[tuple[float, ...]]
    """Of each: the place of its category among `categories`, or -1; its price, or NaN; the time of
    its first counted event in ms, or NaN; its three sums."""
    categories: list[str]
    """As `botify.shop.features.facts.category_of` has them."""
    of_categories: list[tuple[float, ...]]
    """The sums of each."""
    total: tuple[float, ...]
    """The sums of all."""


class ItemFactsStore:
    """Looks facts up, those of all items in one round trip; holds no state of its own."""

    def __init__(self, client: "redis.Redis") -> None:
        text = script_text("item_fields") + script_text("item_facts")
        self._script = Script(Connections(client), text)

    def read(self, items: Sequence[str]) -> FactsFound:
        """The facts of these different items. Raises StoreError."""
        asked = "".join([f"{item}\n" for item in items])
        total, categories, of_categories, rows = self._script(_KEYS, (asked,))
        return FactsFound(
            [*_ITEM.iter_unpack(rows)],
            [category.decode() for category in categories],
            [*_SUMS.iter_unpack(of_categories)],
            _SUMS.unpack(total),
        )
