"""What visitors did last, in a real Valkey: order, limits, ids, and the answers they lead to."""

import time
from dataclasses import dataclass

import pytest
import redis

from botify.store.item_candidates import OfRecent
from botify.store.item_changes import ItemChange, ItemChanges
from botify.store.items import ItemStore, Source, pack_items
from botify.store.keys import SHOP_BOUGHT, SHOP_EVENTS, SHOP_KEYS
from botify.store.visitor_events import (
    ConflictError,
    RecentEvent,
    StoredEvent,
    VisitorEvents,
    id_digest,
    pack_recent,
)

HOUR = 3_600_000
NOW = time.time_ns() // 1_000_000


@dataclass
class Shop:
    items: ItemStore
    events: VisitorEvents
    changes: ItemChanges


@pytest.fixture
def shop(client: "redis.Redis") -> Shop:
    lists = SHOP_KEYS.lists
    client.hset(lists, mapping={"items": "1", "near": "1"})
    client.hset(f"{lists}:items:1", mapping=dict.fromkeys("abcdef", b'{"price":3}'))
    near = {"a": pack_items(["b", "c"], [0.9, 0.8]), "d": pack_items(["e", "a"], None)}
    client.hset(f"{lists}:near:1", mapping=near)  # type: ignore[arg-type]  # redis says bytes
    return Shop(ItemStore(client), VisitorEvents(client, 5), ItemChanges(client))


def stored(
    item: str, at: int, kind: str = "view", event_id: str = "", own: str = ""
) -> StoredEvent:
    event_id = event_id or f"{item} {at}"
    packed = pack_recent(own or event_id, kind, item)
    key = b"" if own else id_digest(event_id)
    return StoredEvent(key, b"8 bytes.", "anna", item, at, packed, NOW + HOUR)


def test_newest_first_by_their_own_time_and_no_more_than_are_kept(shop: Shop) -> None:
    times = [3, 1, 9, 7, 5, 8, 2, 6, 4]
    assert shop.events.commit([stored(f"i{at}", at) for at in times]) == "A" * 9
    found = shop.items.recent("anna", 10)
    assert [event.timestamp for event in found] == [9, 8, 7, 6, 5]
    assert found[0] == RecentEvent("i9", "view", 9)
    assert shop.items.recent("anna", 2) == found[:2]
    assert shop.items.recent("ben", 10) == ()


def bought(item: str, at: int) -> StoredEvent:
    return stored(item, at, "transaction")._replace(purchase="1")


def test_purchases_are_kept_by_their_last_time_for_as_long_as_asked(
    client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botify.store.visitor_events.MOST_BOUGHT", 3)
    events = VisitorEvents(client, 5, bought_days=1)
    day = 24 * HOUR
    events.commit([bought("old", NOW - day - HOUR), bought("a", NOW - 2), bought("a", NOW - 9)])
    kept = client.zrange(f"{SHOP_BOUGHT}anna", 0, -1, withscores=True)
    assert kept == [(b"a", NOW - 2)]
    events.commit([bought(item, NOW - n) for n, item in enumerate("bcd")])
    assert client.zrange(f"{SHOP_BOUGHT}anna", 0, -1) == [b"d", b"c", b"b"]
    assert day - HOUR < client.pttl(f"{SHOP_BOUGHT}anna") <= day
    VisitorEvents(client, 5, bought_days=0).commit([bought("e", NOW - 1)])
    assert client.zscore(f"{SHOP_BOUGHT}anna", "e") is None


def test_events_of_one_time_keep_their_order(shop: Shop) -> None:
    ids = [f"{NOW:012x}{number:04x}{255 - number:016x}" for number in range(4)]
    shop.events.commit([stored(f"i{n}", NOW, own=own) for n, own in enumerate(ids)])
    assert [event.item for event in shop.items.recent("anna", 9)] == ["i3", "i2", "i1", "i0"]


def test_a_commit_may_be_repeated(shop: Shop, client: "redis.Redis") -> None:
    events = [stored("a", 1), stored("b", 2), stored("gone", 3)]
    assert shop.events.commit(events) == "aaA"
    assert shop.events.commit(events) == "rrR"
    assert len(shop.items.recent("anna", 9)) == 3
    assert 0 < client.pttl(f"{SHOP_EVENTS}anna") <= HOUR


def test_an_id_is_claimed_until_its_event_is_done(shop: Shop) -> None:
    ids = [(id_digest(str(n)), b"content.") for n in range(700)]
    assert not any(shop.events.claim(ids))
    assert not any(shop.events.claim(ids))  # the worker died: they are not in the log
    shop.events.commit([stored("a", 1, event_id="3")._replace(digest=b"content.")])
    assert shop.events.claim(ids[:5]) == [False, False, False, True, False]


def test_an_id_of_another_event_claims_none(shop: Shop) -> None:
    shop.events.claim([(id_digest("650"), b"before..")])
    ids = [(id_digest(str(n)), b"content.") for n in range(700)]
    with pytest.raises(ConflictError) as raised:
        shop.events.claim(ids)
    assert raised.value.place == 650
    assert not any(shop.events.claim([(id_digest("0"), b"others..")]))


def test_lists_of_what_was_done_last(shop: Shop) -> None:
    shop.events.commit([stored("a", 1), stored("x", 2), stored("d", 3), stored("b", 4, "dismiss")])
    source = Source("near", (), OfRecent("near", 2, ("view",)))
    found = shop.items.top(9, [source], user="anna", recent=2)
    assert found.items == ["e", "a"]  # of d; x has no list, and is the second of two items
    assert [event.item for event in found.recent] == ["b", "d"]
    three = Source("near", (), OfRecent("near", 3, ("view",)))
    assert shop.items.top(9, [three], user="anna").items == ["e", "b", "c"]
    assert shop.items.top(9, [three], user="nobody").items == []


def test_what_is_hidden_sold_out_or_deleted_is_not_answered(shop: Shop) -> None:
    source = Source("near", (("near", "a"), ("near", "d")))

    def answered() -> list[str]:
        return sorted(shop.items.top(9, [source]).items)

    assert answered() == ["a", "b", "c", "e"]
    shop.changes.apply([ItemChange(5, "b", {"available": False, "price": 2.5})])
    shop.changes.apply([ItemChange(5, "c", {"hidden": True}), ItemChange(5, "e", None)])
    assert answered() == ["a"]
    shop.changes.apply(
        [ItemChange(4, "b", {"available": True, "title": "Bee"})]
    )  # older: too late
    assert answered() == ["a"]
    assert shop.items.item("b") == {"item": "b", "price": 2.5, "available": False, "title": "Bee"}
    assert shop.items.item("e") is None
    shop.changes.apply([ItemChange(6, "b", {"available": True}), ItemChange(6, "e", {})])
    assert answered() == ["a", "b", "e"]
    assert shop.items.item("e") == {"item": "e", "price": 3}


def test_changes_come_to_the_same_in_any_order(shop: Shop, client: "redis.Redis") -> None:
    changes = [
        ItemChange(1, "b", {"price": 1}),
        ItemChange(2, "b", None),
        ItemChange(3, "b", {"price": 3, "hidden": True}),
        ItemChange(4, "b", {"hidden": False}),
    ]
    seen = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        client.delete("botify:shop:item:b")
        shop.changes.apply([changes[place] for place in order])
        seen.append(shop.items.item("b"))
    assert seen == [{"item": "b", "price": 3, "hidden": False}] * 3


def test_an_item_of_changes_alone(shop: Shop) -> None:
    shop.changes.apply([ItemChange(1, "new", {"price": 7})])
    assert shop.items.item("new") == {"item": "new", "price": 7}
    assert shop.events.commit([stored("new", 1)]) == "a"


def test_categories_come_in_the_same_round_trip(shop: Shop) -> None:
    shop.changes.apply([ItemChange(1, "c", {"price": 0.1, "category": "lamps"})])
    found = shop.items.top(2, [Source("near", (("near", "a"),))], categories=True)
    assert found.items == ["b", "c"]
    assert found.categories == ["", "lamps"]
    assert found.scores == [0.9, 0.8]


@pytest.mark.parametrize(
    ("text", "offered"), [(b"\t{}", 0), (b" {}", 0), (b"\t {}", 0), (b"{}", 1)]
)
def test_the_catalog_may_say_so_too(
    shop: Shop, client: "redis.Redis", text: bytes, offered: int
) -> None:
    client.hset(f"{SHOP_KEYS.lists}:items:1", "b", text)
    near = Source("near", (("near", "a"),))
    assert ("b" in shop.items.top(1, [near]).items) == bool(offered)
    shop.changes.apply([ItemChange(1, "b", {"hidden": False, "available": True})])
    assert shop.items.top(1, [near]).items == ["b"]
