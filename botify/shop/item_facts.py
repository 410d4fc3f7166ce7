"""Facts of items for the features, from what Redis has."""

from collections.abc import Sequence

from botify.shop.features.counts import Sums
from botify.shop.features.facts import Facts, ItemFacts, category_of, price_known
from botify.store.item_facts import FactsFound, ItemFactsStore


def facts_of(found: FactsFound) -> Facts:
    """The facts that features are computed of."""
    items = {
        item: ItemFacts(category_of(of.fields), price_known(of.fields), Sums(*of.sums), of.first)
        for item, of in found.items.items()
    }
    categories = {name: Sums(*sums) for name, sums in found.categories.items()}
    return Facts(items, categories, Sums(*found.total))


def read_facts(
    store: ItemFactsStore, items: Sequence[str], recent: Sequence[tuple[str, str, int]]
) -> Facts:
    """Facts of these items and of those of a visitor's last events, in one round trip.

    Raises StoreError.
    """
    both = dict.fromkeys([*items, *(item for item, _, _ in recent)])
    return facts_of(store.read([*both]))
