"""What is known of items at a moment, with how often they were viewed, carted and bought."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botify.store.client import Connections, Script, script_text
from botify.store.item_candidates import details_of
from botify.store.keys import SHOP_COUNTS, SHOP_ITEMS, SHOP_KEYS

if TYPE_CHECKING:
    import redis

_KEYS = (SHOP_KEYS.lists, SHOP_ITEMS, SHOP_COUNTS)


class StoredFacts(NamedTuple):
    """Of one item."""

    fields: dict[str, Any]
    """What the shop says of it, with all changes; empty where there is no such item."""
    first: int | None
    """The time of its first counted event, in ms."""
    sums: tuple[float, ...]
    """One for each kind that is counted."""


class FactsFound(NamedTuple):
    """Of all items that were asked for."""

    items: Mapping[str, StoredFacts]
    categories: Mapping[str, tuple[float, ...]]
    """The sums of their categories."""
    total: tuple[float, ...]


class ItemFactsStore:
    """Looks facts up, those of all items in one round trip; holds no state of its own."""

    def __init__(self, client: "redis.Redis", kinds: int = 3) -> None:
        """`kinds`: how many kinds of event are counted."""
        text = script_text("item_category") + script_text("item_facts")
        self._script = Script(Connections(client), text)
        self._kinds = kinds

    def read(self, items: Sequence[str]) -> FactsFound:
        """The facts of these different items. Raises StoreError."""
        kinds = self._kinds
        found = self._script(_KEYS, (kinds, *items))
        total, categories, rest = found[:kinds], found[kinds], found[kinds + 1 :]
        step, each = kinds + 1, kinds + 3
        return FactsFound(
            {
                item: StoredFacts(
                    details_of(item, rest[at], rest[at + 1]) or {},
                    int(rest[at + 2]) if rest[at + 2] else None,
                    _sums(rest[at + 3 : at + each]),
                )
                for item, at in zip(items, range(0, len(rest), each), strict=True)
            },
            {
                categories[at].decode(): _sums(categories[at + 1 : at + step])
                for at in range(0, len(categories), step)
            },
            _sums(total),
        )


def _sums(found: Sequence[bytes]) -> tuple[float, ...]:
    return tuple([float(sum_) if sum_ else 0.0 for sum_ in found])
