"""What visitors did last, read back from the log into a Redis that has lost it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask

from botify.config import ShopConfig
from botify.server.event_recovery import EventRecovery
from botify.store.keys import SHOP_RECOVERED, recovered_key
from botify.store.visitor_events import DAY_MS
from tests.botify.shop.shops import CONFIG, by_hand, send, shop_app

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def app(client: "redis.Redis", tmp_path: Path) -> Iterator[Flask]:
    app = shop_app(client, tmp_path)
    yield app
    app.extensions["botify"].stop()


def recovery(tmp_path: Path, **events: Any) -> EventRecovery:
    values = {**CONFIG, "log_dir": tmp_path / "log", "events": events}
    return EventRecovery(ShopConfig.model_validate(values))


def lose_all(client: "redis.Redis") -> None:
    for pattern in (
        "botify:shop:events:*",
        "botify:shop:id:*",
        "botify:shop:bought:*",
        f"{SHOP_RECOVERED}*",
    ):
        for key in client.scan_iter(pattern):
            client.delete(key)


def ignore(count: int) -> None:
    pass


def last(app: Flask, user: str) -> Any:
    return send(app, f"/events/{user}?k=100", method="GET")[1]["events"]


def offered(app: Flask, user: str) -> set[str]:
    """Of the popular items."""
    found = send(app, "/recommendations", {"user_id": user, "k": 9})[1]["recs"]
    return set(found) - {"a", "b", "c"}


def test_all_that_was_lost_comes_back(app: Flask, client: "redis.Redis", tmp_path: Path) -> None:
    events = [
        {"user": f"u{n % 7}", "item": f"i{n}", "event": "view", "timestamp": NOW - n * 977 % 5000}
        for n in range(600)
    ]
    events += [{"user": "u1", "item": "b", "event": "impression"}]
    send(app, "/events", events)
    once = {"user": "u2", "item": "a", "event": "transaction", "id": "order-1", "price": 2}
    send(app, "/events", once)
    before = [last(app, f"u{n}") for n in range(7)]
    lose_all(client)
    assert last(app, "u2") == []
    reading = recovery(tmp_path)
    reading.round(client, ignore)
    assert [last(app, f"u{n}") for n in range(7)] == before
    assert send(app, "/events", once)[1]["repeated"] == 1
    assert send(app, "/events", {**once, "price": 3})[0] == 409
    reading.round(client, ignore)  # nothing was lost since
    lose_all(client)
    reading.round(client, ignore)
    assert [last(app, f"u{n}") for n in range(7)] == before
    assert client.get(recovered_key(tmp_path / "log")) == b""


def test_the_newest_of_too_many_and_it_is_told(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    events = [{"user": "u", "item": f"i{n}", "event": "view"} for n in range(30)]
    send(app, "/events", events)
    lose_all(client)
    recovery(tmp_path, recover=10).round(client, ignore)
    assert [event["item"] for event in last(app, "u")] == [f"i{n}" for n in range(29, 19, -1)]
    by_hand(app)._round()
    (warning,) = send(app, "/health", method="GET")[1]["warnings"]
    assert "were read from the newest 10 events of the log" in warning


def history(directory: Path, *rows: dict[str, Any]) -> Path:
    directory.mkdir()
    (directory / "data.json.imported").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return directory


def test_a_history_is_read_whatever_its_age(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    row = {"message": "event", "user": "old", "item": "a", "event": "view", "session": None}
    rows = [{**row, "timestamp": 1_430_000_000_000 + n, "id": f"import-{n}"} for n in range(3)]
    wrong: dict[str, Any] = {**row, "timestamp": "x", "id": "w"}
    place = history(tmp_path / "old", *rows, wrong)
    recovery(tmp_path, history=[place]).round(client, ignore)
    assert [event["timestamp"] for event in last(app, "old")] == [
        1_430_000_000_002,
        1_430_000_000_001,
        1_430_000_000_000,
    ]
    assert b"1 lines of the log are no events" in (
        client.get(recovered_key(tmp_path / "log")) or b""
    )
    assert 0 < client.ttl("botify:shop:events:old") <= 30 * 86400
    recovery(tmp_path, history=[tmp_path / "nothing"]).round(client, ignore)
    assert b"no data.json* there" in (client.get(recovered_key(tmp_path / "log")) or b"")


def test_what_has_expired_stays_away(app: Flask, client: "redis.Redis", tmp_path: Path) -> None:
    send(app, "/events", {"user": "u", "item": "a", "event": "view"})
    lose_all(client)
    values = {**CONFIG, "log_dir": tmp_path / "log", "events": {"ttl": 60}}
    late = EventRecovery(ShopConfig.model_validate(values), lambda: time.time() + 61)
    late.round(client, ignore)
    assert last(app, "u") == []


def test_what_was_bought_comes_back_from_beyond_the_events_that_are_read(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    event = {"user": "u", "event": "view", "item": "a"}
    send(app, "/events", [{**event, "item": "d", "event": "transaction"}] + [event] * 60)
    assert offered(app, "u") == {"e", "f"}
    lose_all(client)
    assert offered(app, "u") == {"d", "e", "f"}
    recovery(tmp_path, recover=20).round(client, ignore)
    assert offered(app, "u") == {"e", "f"}
    assert b"20 events of the log" in (client.get(recovered_key(tmp_path / "log")) or b"")
    assert b"30 days: 1 purchases" in (client.get(recovered_key(tmp_path / "log")) or b"")


def test_purchases_are_read_for_as_long_as_the_rule_says(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    sold = [
        {"user": "u", "event": "transaction", "item": item, "timestamp": NOW - days * DAY_MS}
        for item, days in (("d", 29), ("e", 31))
    ]
    send(app, "/events", sold)
    lose_all(client)
    late = EventRecovery(
        ShopConfig.model_validate({**CONFIG, "log_dir": tmp_path / "log", "events": {"ttl": 60}}),
        lambda: time.time() + 61,
    )
    late.round(client, ignore)
    assert last(app, "u") == []
    assert offered(app, "u") == {"e", "f"}


def test_a_reading_may_be_ended(app: Flask, client: "redis.Redis", tmp_path: Path) -> None:
    events = [{"user": f"u{n}", "item": "a", "event": "view"} for n in range(2100)]
    send(app, "/events", events)
    lose_all(client)

    class EnoughError(Exception):
        pass

    def stop(count: int) -> None:
        raise EnoughError

    reading = recovery(tmp_path)
    with pytest.raises(EnoughError):
        reading.round(client, stop)
    assert client.exists(recovered_key(tmp_path / "log")) == 0
    by_hand(app)._round()
    ready = send(app, "/health/ready", method="GET")
    assert ready[0] == 200
    assert ready[1]["status"] == "degraded"
    assert "being read from the log, 2,000 so far" in ready[1]["reasons"][0]
    assert send(app, "/health", method="GET")[1]["warnings"] == ready[1]["reasons"]
    reading.round(client, ignore)
    app.extensions["botify"]._round()
    assert send(app, "/health/ready", method="GET")[1] == {"status": "ready", "reasons": []}
    assert len(last(app, "u0")) == len(last(app, "u2099")) == 1


def test_each_service_on_one_redis_reads_its_own_log(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    send(app, "/events", {"user": "u", "item": "a", "event": "view"})
    row = {"message": "event", "user": "v", "item": "b", "event": "view", "timestamp": NOW}
    other = history(tmp_path / "other", {**row, "id": "x"})
    values = {**CONFIG, "log_dir": other}
    services = [recovery(tmp_path), EventRecovery(ShopConfig.model_validate(values))]
    for _ in range(2):
        lose_all(client)
        for service in services:
            service.round(client, ignore)
        assert (len(last(app, "u")), len(last(app, "v"))) == (1, 1)
