"""Lists with owners' ids in a real Valkey: which items are answered, and from where."""

import pytest
import redis

from botify.store.items import ItemStore, PopularItems, Source, pack_items
from botify.store.keys import SHOP_KEYS

Lists = dict[str, tuple[list[str], list[float] | None]]


def put(client: "redis.Redis", name: str, lists: Lists) -> None:
    key = f"{SHOP_KEYS.lists}:{name}:v-{name}"
    client.hset(SHOP_KEYS.lists, name, f"v-{name}")
    client.hset(key, mapping={owner: pack_items(*of) for owner, of in lists.items()})  # type: ignore[arg-type]


@pytest.fixture
def store(client: "redis.Redis") -> ItemStore:
    client.hset(SHOP_KEYS.lists, "items", "1")
    client.hset(f"{SHOP_KEYS.lists}:items:1", mapping=dict.fromkeys("abcdefé", b"{}"))
    put(client, "popular", {"": (["a", "b", "gone", "c"], [3.0, 2.0, 1.5, 1.0])})
    put(client, "of", {"anna": (["é", "gone", "a", "d"], [0.5, 0.4, 0.3, 0.1])})
    near: Lists = {"a": (["b", "c", "d"], None), "e": (["c", "f"], [2.0, 1.0])}
    put(client, "near", near)
    return ItemStore(client)


POPULAR = Source("popular", (("popular", ""),))
ANNA = Source("for_you", (("of", "anna"),))


def test_a_list_and_then_the_popular_items(store: ItemStore) -> None:
    found = store.top(6, [ANNA, POPULAR])
    assert found.items == ["é", "a", "d", "b", "c"]
    assert found.scores == [0.5, 0.3, 0.1, 2.0, 1.0]
    assert found.sources == ["for_you"] * 3 + ["popular"] * 2
    assert found.version == "v-of"


def test_no_more_than_asked_for(store: ItemStore) -> None:
    assert store.top(2, [ANNA, POPULAR]).items == ["é", "a"]
    assert store.top(0, [ANNA, POPULAR]).items == []


def test_nothing_that_is_excluded(store: ItemStore) -> None:
    found = store.top(3, [ANNA, POPULAR], ["a", "é", "no such item"])
    assert (found.items, found.sources) == (["d", "b", "c"], ["for_you", "popular", "popular"])


def test_a_user_without_a_list(store: ItemStore) -> None:
    found = store.top(2, [Source("for_you", (("of", "ben"),)), POPULAR])
    assert (found.items, found.sources) == (["a", "b"], ["popular"] * 2)
    assert found.version == "v-of"


def test_several_lists_are_taken_from_in_turns(store: ItemStore) -> None:
    source = Source("near", (("near", "a"), ("near", "no such item"), ("near", "e")))
    found = store.top(5, [source])
    assert found.items == ["b", "c", "d", "f"]
    assert found.scores == [None, 2.0, None, 1.0]


def test_a_source_without_lists_is_passed_over(store: ItemStore) -> None:
    found = store.top(1, [Source("near", ()), ANNA])
    assert (found.items, found.sources, found.version) == (["é"], ["for_you"], "v-of")


def test_a_list_that_is_not_loaded(store: ItemStore) -> None:
    found = store.top(2, [Source("x", (("nothing", "anna"),))])
    assert (found.items, found.version) == ([], None)


def test_an_item(store: ItemStore) -> None:
    assert store.item("é") == {"item": "é"}
    assert store.item("gone") is None


def test_popular_items_without_redis() -> None:
    popular = PopularItems(pack_items(["a", "b", "c"], [3.0, 2.0, 1.0]))
    assert list(popular.top(2, {"a"})) == [("b", 2.0), ("c", 1.0)]
    popular.popular = pack_items(["z"], None)
    assert list(popular.top(2, ())) == [("z", None)]
    assert list(PopularItems(b"").top(2, ())) == []
