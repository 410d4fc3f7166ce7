"""What scripts read of an item, against the functions in Python that define it."""

import json
import math
from typing import Any

import pytest
import redis

from botify.shop.features.facts import category_of, price_known
from botify.shop.item_facts import read_facts
from botify.store.item_candidates import CandidateQuery
from botify.store.item_changes import ItemChange, ItemChanges
from botify.store.item_facts import ItemFactsStore
from botify.store.item_filter import ItemFilter
from botify.store.items import ItemStore, Source, pack_items
from botify.store.keys import SHOP_KEYS

CATALOG: dict[str, dict[str, Any]] = {
    "first": {"category": "lamps", "price": 9.5},
    "later": {"title": 'a "category":"shoes"', "category": "lamps", "price": 12},
    "price first": {"price": 0.25, "category": "lamps"},
    "nested": {"of": {"category": "lamps", "price": 3}, "title": "x"},
    "nested first": {"category": {"price": 4, "category": "lamps"}, "price": 5},
    "escaped": {"category": 'a "lamp"\\\n', "price": 1e-7},
    "number": {"category": 12, "price": 1e15},
    "negative": {"category": -12, "price": -3},
    "zero": {"category": 0, "price": 0},
    "fraction": {"category": 1.5, "price": 1.5},
    "whole": {"category": 12.0},
    "huge": {"category": 10**17, "price": 10**17},
    "other values": {"category": ["lamps"], "price": "9.5"},
    "true": {"category": True, "price": True},
    "null": {"category": None, "price": None},
    "empty": {"category": "", "price": 9},
    "nothing": {},
    "é": {"category": "lámpás", "price": 2},
    "with braces": {"category": "{lamps}", "title": "}{", "price": 6},
}
CHANGES = {
    "first": {"price": 20},
    "later": {"category": "shoes"},
    "null": {"category": "lamps", "price": 7.5},
    "number": {"category": None, "price": None},
    "new": {"category": 3, "price": 8},
}


def fields_of(item: str, changed: bool) -> dict[str, Any]:
    return {**CATALOG.get(item, {}), **(CHANGES.get(item, {}) if changed else {})}


@pytest.fixture(params=[False, True], ids=["catalog", "changed"])
def changed(request: pytest.FixtureRequest, client: "redis.Redis") -> bool:
    key = SHOP_KEYS.lists
    client.hset(key, mapping={"items": "1", "of": "1"})
    texts = {item: json.dumps(of, separators=(",", ":")) for item, of in CATALOG.items()}
    client.hset(f"{key}:items:1", mapping=texts)  # type: ignore[arg-type]  # redis says bytes
    client.hset(f"{key}:of:1", "ann", pack_items([*CATALOG, "new"], None))
    if request.param:
        ItemChanges(client).apply([ItemChange(1, item, of) for item, of in CHANGES.items()])
    return bool(request.param)


def test_facts_are_those_of_the_functions_that_define_them(
    client: "redis.Redis", changed: bool
) -> None:
    found = read_facts(ItemFactsStore(client), [*CATALOG], []).items
    expected = {item: fields_of(item, changed) for item in CATALOG}
    assert {item: one.category for item, one in found.items()} == {
        item: category_of(of) for item, of in expected.items()
    }
    assert {item: one.price for item, one in found.items()} == {
        item: price_known(of) for item, of in expected.items()
    }


@pytest.mark.parametrize(
    "within",
    [
        ItemFilter(frozenset({"lamps"})),
        ItemFilter(frozenset({"shoes", "12", "3", "{lamps}", "lámpás"})),
        ItemFilter(frozenset({"no such"})),
        ItemFilter(least=2),
        ItemFilter(most=9.5),
        ItemFilter(frozenset({"lamps"}), 0.25, 12),
    ],
)
def test_only_items_within_are_found(
    client: "redis.Redis", changed: bool, within: ItemFilter
) -> None:
    expected = []
    for item in [*CATALOG, *(["new"] if changed else [])]:
        of = fields_of(item, changed)
        category, price = category_of(of), of.get("price")
        price = price if type(price) in (int, float) else math.nan
        if within.categories and (category or "-")[1:] not in within.categories:
            continue
        if within.least is not None and not price >= within.least:
            continue
        if within.most is not None and not price <= within.most:
            continue
        expected.append(item)
    store = ItemStore(client)
    assert store.top(99, [Source("of", (("of", "ann"),))], within=within).items == expected
    found = store.candidates(CandidateQuery((("of", "ann"),)), "ann", (), within, categories=True)
    assert [*found.items] == expected
    assert [each.items for each in found.lists] == [expected]
    for item, category in found.items.items():
        told = category_of(fields_of(item, changed)) or "-"
        assert category == ("" if "\n" in told else told[1:])
