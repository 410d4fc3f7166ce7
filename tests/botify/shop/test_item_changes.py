"""`POST /items`, `DELETE /items/<item>`: in effect with the next answer, and kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask

from botify.server.item_sync import ItemSync
from botify.store.item_journal import JOURNAL, ItemJournal
from contract.schema import json_schema

from .shops import by_hand, lines, send, shop_app, until_up

KEY = "0123456789abcdef-of-the-shop"


@pytest.fixture
def app(client: "redis.Redis", tmp_path: Path) -> Iterator[Flask]:
    app = shop_app(client, tmp_path)
    yield app
    app.extensions["botify"].stop()


def similar(app: Flask) -> list[str]:
    return [*send(app, "/similar/a", method="GET")[1]["items"]]


def popular(app: Flask) -> list[str]:
    return [*send(app, "/recommendations?user_id=x", method="GET")[1]["recs"]]


def test_the_next_answer_knows_the_change(app: Flask, tmp_path: Path) -> None:
    assert (similar(app), popular(app)) == (["b", "c"], ["d", "e", "f"])
    changes = [{"item": "b", "available": False}, {"item": "e", "hidden": True, "price": 1.25}]
    assert send(app, "/items", changes) == (200, {"accepted": 2, "applied": True})
    assert (similar(app), popular(app)) == (["c"], ["d", "f"])
    assert send(app, "/items/e", method="GET")[1] == {"item": "e", "hidden": True, "price": 1.25}
    assert send(app, "/items", {"item": "b", "available": True})[0] == 200
    assert similar(app) == ["b", "c"]
    found = lines(tmp_path, "item")
    assert [line["fields"] for line in found] == [
        {"available": False},
        {"hidden": True, "price": 1.25},
        {"available": True},
    ]
    for line in found:
        jsonschema.validate(line, json_schema("item_change"))


def test_a_deleted_item_is_gone_until_it_is_posted(app: Flask, tmp_path: Path) -> None:
    assert send(app, "/items/b", method="DELETE") == (200, {"item": "b", "applied": True})
    assert send(app, "/items/b", method="GET")[0] == 404
    assert send(app, "/items/b", method="DELETE")[0] == 404
    assert similar(app) == ["c"]
    assert send(app, "/items", {"item": "b"})[0] == 200
    assert send(app, "/items/b", method="GET")[1] == {"item": "b", "price": 9.5}
    assert [line["fields"] for line in lines(tmp_path, "item")] == [None, {}]


def test_a_new_item_with_fields_of_the_shops_own(app: Flask) -> None:
    item = {"item": 99, "title": "Ü", "category": 5, "price": None, "tags": ["x", {"y": 1e-7}]}
    assert send(app, "/items", item)[0] == 200
    found = send(app, "/items/99", method="GET")[1]
    assert found == {**item, "item": "99", "category": "5"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"price": -1}, "`price` must be a number of 0 or more"),
        ({"available": 1}, "`available` must be true or false"),
        ({"hidden": "no"}, "`hidden` must be true or false"),
        ({"title": 5}, "`title` must be a text"),
        ({"category": []}, "`category` must be"),
        ({"": 1}, "a key must be"),
        ({"x": "x" * 20_000}, "16,384 bytes"),
        ({"item": None}, "`item` must be"),
        ({"x": "\ud800"}, "no plain JSON"),
        ({"price": 10**400}, "`price` must be"),
    ],
)
def test_what_is_wrong_is_named_and_none_is_taken(
    app: Flask, change: dict[str, Any], says: str
) -> None:
    changes = [{"item": "b", "hidden": True}, {"item": "c", **change}]
    status, answer = send(app, "/items", changes)
    assert status == 400
    assert answer["message"].startswith("item 2 of 2: ")
    assert says in answer["message"]
    assert similar(app) == ["b", "c"]


def test_changes_outlive_redis(app: Flask, client: "redis.Redis", tmp_path: Path) -> None:
    sync = ItemSync(ItemJournal(tmp_path / "log" / JOURNAL))
    send(app, "/items", [{"item": "b", "price": 0.1 + 0.2}, {"item": "b", "hidden": True}])
    monitor = by_hand(app)
    monitor._breaker.trip("a test")
    answer = send(app, "/items", {"item": "d", "available": False})
    assert answer == (200, {"accepted": 1, "applied": False})
    assert send(app, "/items/f", method="DELETE") == (200, {"item": "f", "applied": False})
    client.delete(*client.keys("botify:shop:item:*"), "botify:shop:offers")
    until_up(monitor)
    assert popular(app) == ["d", "e", "f"]
    sync.round(client, lambda count: None)
    assert (similar(app), popular(app)) == (["c"], ["e"])
    assert send(app, "/items/b", method="GET")[1]["price"] == 0.1 + 0.2
    monitor._round()
    monitor._breaker.trip("a test")
    assert popular(app) == ["e"]  # from memory too


def test_the_journal_is_compacted(client: "redis.Redis", tmp_path: Path, app: Flask) -> None:
    journal = ItemJournal(tmp_path / "log" / JOURNAL)
    for n in range(50):
        send(app, "/items", [{"item": "b", "price": n, "hidden": n % 2 == 0}, {"item": "c"}])
    send(app, "/items/c", method="DELETE")
    send(app, "/items/d", method="DELETE")
    send(app, "/items", {"item": "d", "price": 3})
    with journal.path.open("ab") as file:
        file.write(b'{"at": 1, "it')  # its writer was killed
    before = [send(app, f"/items/{item}", method="GET") for item in "bcd"]
    size = journal.size()
    journal.compact()
    assert journal.size() < size / 10
    send(app, "/items", {"item": "e", "price": 1})
    client.delete(*client.keys("botify:shop:item:*"), "botify:shop:offers")
    ItemSync(journal).round(client, lambda count: None)
    assert [send(app, f"/items/{item}", method="GET") for item in "bcd"] == before
    assert before[1][0] == 404
    assert send(app, "/items/e", method="GET")[1]["price"] == 1


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path, app: Flask) -> None:
    journal = ItemJournal(tmp_path / "log" / JOURNAL)
    journal.path.write_bytes(b'{"at": 1, "it')
    send(app, "/items", {"item": "e", "price": 1})
    changes, end = journal.read(0)
    assert [(change.item, change.fields) for change in changes] == [("e", {"price": 1})]
    assert end == journal.size()


def test_routes_that_write_want_a_key(client: "redis.Redis", tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# of the shop\n{KEY}\nanother-key-of-16-characters\n")
    app = shop_app(client, tmp_path, api_keys=keys)
    event = {"user": "u", "item": "a", "event": "view"}
    writes = [("/events", event, "POST"), ("/items", {"item": "b"}, "POST")]
    writes += [("/items/b", None, "DELETE"), ("/put?user_id=1&item_id=2", None, "POST")]  # type: ignore[list-item]
    for path, value, method in writes:
        for header in ({}, {"Authorization": f"Bearer {KEY}x"}, {"Authorization": f"Basic {KEY}"}):
            answer = app.test_client().open(path, method=method, json=value, headers=header)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert KEY not in answer.text
        assert send(app, path, value, method, headers={"Authorization": f"bearer {KEY}"})[0] == 200
    assert send(app, "/events/u", method="GET")[0] == 200
    app.extensions["botify"].stop()
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "log").glob("data*"))
