"""Facts of items for the features, from what Redis has."""

from collections.abc import Sequence

from botify.shop.features.counts import Sums
from botify.shop.features.facts import Facts, ItemFacts
from botify.store.item_facts import ItemFactsStore
from contract.values import LARGEST_EXACT


def read_facts(
    store: ItemFactsStore, items: Sequence[str], recent: Sequence[tuple[str, str, int]]
) -> Facts:
    """Facts of these items and of those of a visitor's last events, in one round trip.

    Raises StoreError.
    """
    both = [*dict.fromkeys([*items, *(item for item, _, _ in recent)])]
    found = store.read(both)
    names: list[str | None] = [*found.categories, None]  # which -1 is the place of
    of_items = {
        item: ItemFacts(
            names[int(category)],
            price if 0 < price < LARGEST_EXACT else None,
            Sums(views, carts, purchases),
            int(first) if first == first else None,
        )
        for item, (category, price, first, views, carts, purchases) in zip(
            both, found.items, strict=True
        )
    }
    sums = zip(found.categories, found.of_categories, strict=True)
    return Facts(of_items, {name: Sums(*each) for name, each in sums}, Sums(*found.total))
