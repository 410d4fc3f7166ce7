"""`POST /events` and what it leads to: the log, the next answer, repeats, Redis away."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask

from contract.schema import json_schema
from contract.shop_events import EVENT_DETAILS, SHOP_EVENT

from .shops import Make, by_hand, lines, send, shop_app, until_up

VIEW = {"user": "anna", "item": "a", "event": "view"}
MS = 1_790_000_000_000


@pytest.fixture
def make(client: "redis.Redis", tmp_path: Path) -> Iterator[Make]:
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(shop_app(client, tmp_path, **changes))
        return made[-1]

    yield make
    for app in made:
        app.extensions["botify"].stop()


@pytest.fixture
def app(make: Make) -> Flask:
    return make()


def taken(accepted: int, repeated: int = 0, unknown: int | None = 0, ahead: int = 0) -> Any:
    found = {"accepted": accepted, "repeated": repeated, "unknown_items": unknown, "ahead": ahead}
    return 200, found


def recommended(app: Flask, user: str = "anna", k: int = 2) -> list[str]:
    status, answer = send(app, f"/recommendations?user_id={user}&k={k}", method="GET")
    assert status == 200
    return [*answer["recs"]]


def last(app: Flask, user: str = "anna", query: str = "") -> list[str]:
    status, answer = send(app, f"/events/{user}{query}", method="GET")
    assert status == 200
    assert answer["user"] == user
    return [event["item"] for event in answer["events"]]


def test_the_next_answer_knows_the_event(app: Flask) -> None:
    assert recommended(app) == ["d", "e"]
    assert send(app, "/events", VIEW) == taken(1)
    assert recommended(app) == ["b", "c"]
    assert send(app, "/events", {**VIEW, "item": "d", "event": "addtocart"}) == taken(1)
    assert recommended(app) == ["e", "b"]  # of d and of a, in turns
    assert recommended(app, "ben") == ["d", "e"]


def test_a_request_that_names_items_is_about_these(app: Flask) -> None:
    send(app, "/events", VIEW)
    _, answer = send(app, "/recommendations", {"user_id": "anna", "k": 1, "items": ["d"]})
    assert answer["recs"] == ["e"]


def test_lines_are_as_the_schema_says(app: Flask, tmp_path: Path) -> None:
    details = {"session": 5, "request": "r", "transaction": "t", "price": 9.5, "quantity": 2}
    event = {**VIEW, "event": "transaction", "timestamp": MS, "id": "x", "value": -1, **details}
    assert send(app, "/events", [VIEW, event]) == taken(2)
    found = lines(tmp_path)
    for line in found:
        jsonschema.validate(line, json_schema("shop_event"))
    names = tuple(field.name for field in SHOP_EVENT)
    assert tuple(found[0]) == names
    assert tuple(found[1]) == (*names, *(field.name for field in EVENT_DETAILS[:-1]))
    assert {key: found[1][key] for key in event} == {**event, "session": "5"}
    assert abs(found[0]["timestamp"] - time.time() * 1000) < 60_000


def test_the_last_events_newest_first_by_their_own_times(app: Flask) -> None:
    for item, at in (("b", MS + 2), ("a", MS), ("c", MS + 1)):
        send(app, "/events", {**VIEW, "item": item, "timestamp": at})
    _, answer = send(app, "/events/anna?k=2", method="GET")
    assert answer["events"] == [
        {"item": "b", "event": "view", "timestamp": MS + 2},
        {"item": "c", "event": "view", "timestamp": MS + 1},
    ]
    many = [{**VIEW, "user": "bo/t", "item": f"i{n}"} for n in range(200)]
    assert send(app, "/events", many) == taken(200, unknown=200)
    assert last(app, "bo/t", "?k=1000") == [f"i{n}" for n in range(199, 149, -1)]


def test_impressions_are_logged_and_crowd_nothing_out(app: Flask, tmp_path: Path) -> None:
    send(app, "/events", [VIEW, *([{**VIEW, "item": "f", "event": "impression"}] * 60)])
    assert last(app) == ["a"]
    assert len(lines(tmp_path)) == 61


def test_an_id_is_taken_once(app: Flask, tmp_path: Path) -> None:
    event = {**VIEW, "id": "e1"}
    assert send(app, "/events", [event, event]) == taken(1, 1)
    assert send(app, "/events", event) == taken(0, 1)
    assert send(app, "/events", [{**event, "id": 5}, event]) == taken(1, 1)
    assert [line["id"] for line in lines(tmp_path)] == ["e1", "5"]
    status, answer = send(app, "/events", [VIEW, {**event, "item": "b"}])
    assert (status, answer["message"]) == (
        409,
        "event 2 of 2: the id 'e1' is that of another event",
    )
    assert send(app, "/events", [{**VIEW, "id": "n"}, {**VIEW, "id": "n", "price": 1}])[0] == 409
    assert send(app, "/events", {**VIEW, "id": "n", "price": 2}) == taken(1)
    assert len(lines(tmp_path)) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event": "veiw"}, "`event`: 'veiw' is not one of view, addtocart"),
        ({"user": None}, "`user` is missing"),
        ({"item": ""}, "`item` must be a text of 1 to 255"),
        ({"item": "a\n"}, "`item` must be a text"),
        ({"user": "x" * 256}, "`user` must be a text"),
        ({"id": "ü" * 256}, "`id` must be a text of 1 to 255"),
        ({"price": -0.01}, "`price` must be a number of 0 or more"),
        ({"price": "9"}, "`price` must be"),
        ({"price": 10**400}, "`price` must be"),
        ({"value": 10**400}, "`value` must be a finite number"),
        ({"session": "\ud800"}, "`session` must be"),
        ({"quantity": 0}, "`quantity` must be a number above 0"),
        ({"timestamp": 1_790_000_000}, "`timestamp` must be in ms"),
        ({"timestamp": "2026-11-30"}, "`timestamp` must be an integer"),
        ({"quantitiy": 1}, "unknown key 'quantitiy'"),
    ],
)
def test_what_is_wrong_is_named_and_none_is_taken(
    app: Flask, tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    status, answer = send(app, "/events", [VIEW, {**VIEW, **change}, {"wrong": "too"}])
    assert status == 400
    assert answer["message"].startswith("event 2 of 3: ")
    assert says in answer["message"]
    assert lines(tmp_path) == []
    assert last(app) == []


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"[1]", b'"x"', b"[" * 5000, b"\xff"])
def test_what_is_no_event(app: Flask, body: bytes) -> None:
    answer = app.test_client().post("/events", data=body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["message"]


def test_a_key_that_is_there_twice_is_refused(app: Flask, tmp_path: Path) -> None:
    for body, key in (
        (b'{"user": "anna", "user": "ben", "item": "a", "event": "view"}', "user"),
        (b'[{"user": 1, "item": "a:b", "event" : "view", "item": "c"}]', "item"),
    ):
        response = app.test_client().post("/events", data=body)
        assert response.status_code == 400
        assert f"the key '{key}' is there twice" in response.get_json()["message"]
    assert not lines(tmp_path, "event")
    assert send(app, "/events", {**VIEW, "item": "urn:a:b"}) == taken(1, unknown=1)


def test_ids_of_any_form(app: Flask) -> None:
    for user in ("ü" * 100, "0", "a/b?c#d", "  ", "-1", "💡", "%41"):
        assert send(app, "/events", {**VIEW, "user": user, "item": user}) == taken(1, unknown=1)
        _, answer = send(app, f"/events/{_quoted(user)}", method="GET")
        assert (answer["user"], answer["events"][0]["item"]) == (user, user)
    number = {**VIEW, "user": 10**25, "item": 7, "id": 2**70, "value": 2**70}
    assert send(app, "/events", number) == taken(1)
    assert last(app, str(10**25)) == ["7"]


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def test_a_time_in_the_future_is_not_believed(app: Flask, tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000
    later = now + 3_600_000
    events = [{**VIEW, "timestamp": later}, {**VIEW, "item": "d", "timestamp": now + 1000}]
    assert send(app, "/events", events) == taken(2, ahead=1)
    first, second = lines(tmp_path)
    assert (first["claimed"], first["timestamp"]) == (later, first["received"])
    assert "claimed" not in second
    assert last(app) == ["d", "a"]


def test_ten_thousand_and_no_more(app: Flask, tmp_path: Path) -> None:
    events = [{**VIEW, "user": n % 100, "id": f"e{n}"} for n in range(10_000)]
    assert send(app, "/events", events) == taken(10_000)
    assert len(lines(tmp_path)) == 10_000
    status, answer = send(app, "/events", [*events, VIEW])
    assert (status, answer["message"]) == (400, "10,001 events: a request may have 10,000")


def test_kinds_of_the_config(make: Make) -> None:
    app = make(events={"kinds": ["wishlist"], "not_recent": ["view"], "recent": 2})
    events = [{**VIEW, "event": "wishlist", "item": item} for item in "abc"]
    assert send(app, "/events", [*events, VIEW]) == taken(4)
    assert last(app) == ["c", "b"]
    assert send(app, "/events", {**VIEW, "event": "share"})[0] == 400


def test_without_redis_events_are_taken_and_known_when_it_is_back(
    app: Flask, tmp_path: Path
) -> None:
    monitor = by_hand(app)
    send(app, "/events", {**VIEW, "item": "d", "timestamp": MS, "id": "before"})
    monitor._breaker.trip("a test")
    assert send(app, "/events", [{**VIEW, "id": "e1"}]) == taken(1, unknown=None)
    _, answer = send(app, "/events/anna", method="GET")
    assert [event["item"] for event in answer["events"]] == ["a"]
    assert answer["partial"] is True
    assert send(app, "/get?user_id=anna")[1] == {"events": ["a"], "partial": True}
    assert recommended(app) == ["d", "e"]
    until_up(monitor)
    assert last(app) == ["a", "d"]
    assert send(app, "/events", [{**VIEW, "id": "e1"}]) == taken(0, 1)
    assert [line["id"] for line in lines(tmp_path)] == ["before", "e1"]


def test_the_routes_of_the_other_edition(app: Flask) -> None:
    for item in ("7", "a", "9"):
        assert send(app, f"/put?user_id=1&item_id={item}") == (200, {"result": "ok"})
    assert send(app, "/get?user_id=1&k=3") == (200, {"events": [9, "a", 7]})
    assert send(app, "/get?user_id=2") == (200, {"events": []})
    assert send(app, "/put?user_id=1")[0] == 400
    assert send(app, "/get?user_id=1&k=0")[0] == 400
    assert send(app, "/get?k=1&user_id=1&user_id=2")[0] == 400


def test_metrics(app: Flask) -> None:
    send(app, "/events", [VIEW, {**VIEW, "item": "?", "timestamp": 7_200_000 + 10**12}])
    send(app, "/events", [{**VIEW, "id": "x"}] * 3)
    text = app.test_client().get("/metrics").text
    for line in (
        'botify_shop_events_total{kind="view"} 3.0',
        "botify_shop_events_repeated_total 2.0",
        "botify_shop_events_unknown_items_total 1.0",
        'botify_request_seconds_count{recommender="",route="events"} 2.0',
    ):
        assert line in text


def test_events_that_name_their_answer_are_counted_by_treatment(make: Make) -> None:
    both = {"type": "similar_items", "neighbours": "near"}
    app = make(
        recommenders={"beside": both, "other": both},
        experiments={"A": {"treatments": {"C": "other", "T1": "other"}}},
    )
    named = {**VIEW, "request": "f" * 32}
    send(app, "/events", [VIEW, named, {**named, "event": "impression"}, {**named, "id": "x"}])
    send(app, "/events", [{**named, "id": "x"}])  # a repeat
    send(app, "/events", [{**named, "event": "addtocart", "timestamp": MS}])
    text = app.test_client().get("/metrics").text
    mine = app.test_client().get("/experiments/anna").json["A"]
    counted = 'botify_shop_attributed_events_total{experiment="A",kind="%s",treatment="%s"} %s'
    assert counted % ("view", mine, "2.0") in text
    assert counted % ("addtocart", mine, "1.0") in text
    assert 'kind="impression",treatment' not in text
    assert 'botify_shop_event_lag_seconds_bucket{le="10.0"} 4.0' in text


def test_an_answer_of_popular_items_instead_of_others_is_cold(app: Flask) -> None:
    recommended(app, "nobody")
    assert 'botify_cold_answers_total{route="recommendations"} 1.0' in (
        app.test_client().get("/metrics").text
    )


def test_a_full_disk_is_told_and_the_rest_may_be_sent_again(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botify.event_log.writer import EventLog

    events = [{**VIEW, "id": str(n)} for n in range(3)]
    whole = EventLog.write_all

    def one(log: EventLog, rows: Any) -> int:
        return whole(log, [*rows][:1])

    with monkeypatch.context() as patched:
        patched.setattr(EventLog, "write_all", one)
        status, answer = send(app, "/events", events)
    assert status == 503
    assert "1 of 3 events were taken" in answer["message"]
    assert send(app, "/events", events) == taken(2, 1)
    assert [json.dumps(line["id"]) for line in lines(tmp_path)] == ['"0"', '"1"', '"2"']


def test_the_commands_of_the_guide(app: Flask) -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "send-events.md"
    sent = re.findall(r"curl -X POST localhost:8000(/\w+) -d '(.+)'", page.read_text("utf-8"))
    assert [path for path, _ in sent] == ["/events", "/items"]
    (told,) = re.findall(r"```json\n(.+)\n```", page.read_text("utf-8"))
    send(app, "/items", [{"item": f"sku-{n}"} for n in range(4)])
    for path, body in sent:
        status, answer = send(app, path, json.loads(body))
        assert status == 200
        if path == "/events":
            assert answer == json.loads(told)
    assert last(app, query="?k=5") == ["sku-1"]
    assert send(app, "/items/sku-2", method="GET")[1]["price"] == 9.5
    assert send(app, "/items/sku-3", method="DELETE")[0] == 200
