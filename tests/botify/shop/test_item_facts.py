"""Sums of events by item: from the request to Redis, and back from the log."""

import time
from pathlib import Path

import pytest
import redis

from botify.config import ShopConfig
from botify.lists.loader import kind_of, load_list
from botify.server.event_recovery import EventRecovery
from botify.shop.features.counts import decay
from botify.shop.features.facts import Facts
from botify.shop.item_facts import read_facts
from botify.store.item_facts import ItemFactsStore
from botify.store.keys import SHOP_KEYS
from tests.botify.shop.shops import CONFIG, by_hand, send, shop_app

EVENTS = [
    {"user": "ann", "item": "a", "event": "view", "id": "1"},
    {"user": "ann", "item": "a", "event": "addtocart", "id": "2"},
    {"user": "ann", "item": "b", "event": "impression", "id": "3"},
    {"user": "ben", "item": "a", "event": "view"},
    {"user": "ben", "item": "of no catalog", "event": "view"},
]


def counted(facts: Facts, item: str) -> list[float]:
    return [sum_ * decay(time.time_ns() // 1_000_000) for sum_ in facts.items[item].sums]


def test_events_are_counted_once_and_come_back_from_the_log(
    client: "redis.Redis", tmp_path: Path
) -> None:
    app = shop_app(client, tmp_path)
    by_hand(app)
    assert send(app, "/items", {"item": "a", "category": "lamps"})[0] == 200
    assert send(app, "/events", EVENTS)[0] == 200
    assert send(app, "/events", EVENTS[:3])[1]["repeated"] == 3
    store, recent = ItemFactsStore(client), [("b", "view", 0)]
    facts = read_facts(store, ["a", "of no catalog"], recent)
    assert counted(facts, "a") == pytest.approx([2, 1, 0], rel=1e-4)
    assert facts.items["a"].category == "slamps"
    assert facts.items["a"].price == 9.5
    assert facts.categories["slamps"] == facts.items["a"].sums == facts.total
    assert counted(facts, "b") == counted(facts, "of no catalog") == [0, 0, 0]
    assert facts.items["b"].first is None

    client.flushall()
    settings = {**CONFIG, "data_dir": tmp_path, "log_dir": tmp_path / "log"}
    config = ShopConfig.model_validate(settings)
    file = config.list_files["items"]
    load_list(client, "items", file, kind_of(config, "items"), 0, keys=SHOP_KEYS)
    EventRecovery(config).round(client, lambda count: None)
    EventRecovery(config).round(client, lambda count: None)  # as at the next start
    again = read_facts(store, ["a"], [])
    assert again.items["a"].sums == pytest.approx(facts.items["a"].sums)
    assert again.items["a"].first == facts.items["a"].first


def test_what_was_trimmed_is_not_counted_again_at_the_next_start(
    client: "redis.Redis", tmp_path: Path
) -> None:
    few = {"events": {"recent": 3}}
    app = shop_app(client, tmp_path, **few)
    by_hand(app)
    now = time.time_ns() // 1_000_000
    views = [
        {"user": "ann", "item": "a", "event": "view", "timestamp": now - n * 1000}
        for n in range(9, -1, -1)
    ]
    assert send(app, "/events", views)[0] == 200
    store = ItemFactsStore(client)
    assert counted(read_facts(store, ["a"], []), "a") == pytest.approx([10, 0, 0], rel=1e-4)
    settings = {**CONFIG, **few, "data_dir": tmp_path, "log_dir": tmp_path / "log"}
    EventRecovery(ShopConfig.model_validate(settings)).round(client, lambda count: None)
    assert counted(read_facts(store, ["a"], []), "a") == pytest.approx([10, 0, 0], rel=1e-4)
