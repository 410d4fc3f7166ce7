"""`/recommendations` in this process, on a real Valkey: it knows what the visitor just did."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask

from botify.app import create_app
from botify.config import LogConfig, ShopConfig
from botify.lists.loader import kind_of, load_list
from botify.store.keys import SHOP_KEYS
from contract.schema import json_schema

from .shops import by_hand, lines, send

DAY_MS = 86_400_000
CONFIG: dict[str, Any] = {
    "face": "shop",
    "log": LogConfig(min_free_bytes=0),
    "redis_timeout": 10,
    "workers": 1,
    "lists": {"mine": "mine.json"},
    "neighbours": {"near": "near.json"},
    "similar": "near",
    "recommenders": {
        "mix": {"type": "blend", "list": "mine", "neighbours": "near"},
        "plain": {"type": "user_list", "list": "mine"},
        "top": {"type": "popular"},
    },
    "default": "mix",
    "rules": {"categories": "tree.csv"},
}
FILES: dict[str, list[dict[str, Any]]] = {
    "items.json": [
        {"item": n, "category": "odd" if n % 2 else "even", "price": n} for n in range(1, 41)
    ],
    "popular.json": [{"items": [*range(40, 20, -1)]}],
    "mine.json": [{"user": "anna", "items": [1, 2, 3, 4]}],
    "near.json": [
        {"item": 10, "items": [11, 12], "scores": [0.9, 0.8]},
        {"item": 20, "items": [13, 14]},
    ],
}


@pytest.fixture
def make(client: "redis.Redis", tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        (tmp_path / "tree.csv").write_text("category,above\nodd,number\neven,number\n")
        rules = {"categories": tmp_path / "tree.csv", **changes.pop("rules", {})}
        places = {"data_dir": tmp_path, "log_dir": tmp_path / "log", "rules": rules}
        config = ShopConfig.model_validate({**CONFIG, **places, **changes})
        for name, file in config.list_files.items():
            rows = FILES[file.file.name]
            file.file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            load_list(client, name, file, kind_of(config, name), 0, keys=SHOP_KEYS)
        made.append(create_app(config, None, client))
        return made[-1]

    yield make
    for app in made:
        app.extensions["botify"].stop()


def ask(app: Flask, user: str = "anna", k: int = 4, **body: Any) -> Any:
    status, answer = send(app, "/recommendations", {"user_id": user, "k": k, **body})
    assert status == 200
    for key in ("sources", "roles", "because"):
        assert len(answer[key]) == len(answer["recs"])
    return answer


def act(app: Flask, item: int, event: str = "view", user: str = "anna", **more: Any) -> None:
    status, _ = send(app, "/events", {"user": user, "item": item, "event": event, **more})
    assert status == 200


def test_the_next_answer_knows_the_click(make: Callable[..., Flask], tmp_path: Path) -> None:
    app = make()
    before = ask(app)
    assert (before["recs"], before["sources"]) == (["1", "2", "3", "4"], ["mine"] * 4)
    act(app, 10, "addtocart")
    after = ask(app)
    assert (after["recs"][:3], after["recs"][3]) == (["11", "10", "12"], "1")
    assert after["sources"] == ["near", "reminders", "near", "mine"]
    assert after["roles"] == ["discovery", "reminder", "discovery", "discovery"]
    assert after["because"] == ["10", "10", "10", None]
    for line in (found := lines(tmp_path, "recommend")):
        jsonschema.validate(line, json_schema("recommend"))
    assert [line["items"] for line in found] == [before["recs"], after["recs"]]
    assert (found[1]["request"], found[1]["roles"]) == (after["request"], after["roles"])
    assert {line["recommender"] for line in found} == {"mix"}


def test_a_cold_visitor_gets_popular_items(make: Callable[..., Flask], tmp_path: Path) -> None:
    answer = ask(make(), "nobody", 3)
    assert (answer["recs"], answer["sources"]) == (["40", "39", "38"], ["popular"] * 3)
    assert lines(tmp_path, "recommend")[0]["recommender"] == "popular"


def test_older_events_count_less(make: Callable[..., Flask]) -> None:
    app, now = make(), time.time_ns() // 1_000_000
    act(app, 10, timestamp=now - 3 * DAY_MS)
    act(app, 20, timestamp=now)
    # The list of anna weighs as much as a view of this moment.
    assert ask(app, k=4, reminders=False)["recs"] == ["1", "13", "2", "14"]


@pytest.mark.parametrize("default", ["mix", "plain", "top"])
def test_rules_hold_for_every_recommender(make: Callable[..., Flask], default: str) -> None:
    app, now = make(default=default, rules={"max_per_category": 2}), time.time_ns() // 1_000_000
    act(app, 1, "transaction", timestamp=now - 29 * DAY_MS)
    act(app, 40, "transaction", timestamp=now - 29 * DAY_MS)
    send(app, "/items", [{"item": 2, "available": False}, {"item": 39, "hidden": True}])
    found = ask(app, k=40, exclude=[3, 38])["recs"]
    assert len(found) == 4 == len(set(found))
    assert not {"1", "2", "3", "38", "39", "40"} & set(found)
    assert sorted(int(item) % 2 for item in found) == [0, 0, 1, 1]
    within = ask(app, k=40, category="number", price={"min": 4, "max": 25})["recs"]
    assert {int(item) for item in within} <= {*range(4, 26)}
    assert len(within) == 4
    assert ask(app, category="none")["recs"] == []
    evens = ask(app, k=40, category=["even", "none"])["recs"]
    assert len(evens) == 2
    assert all(int(item) % 2 == 0 for item in evens)


@pytest.mark.parametrize("default", ["mix", "plain", "top"])
def test_what_was_bought_leaves_room_for_others(make: Callable[..., Flask], default: str) -> None:
    app = make(default=default)
    act(app, 1, "transaction")
    act(app, 40, "transaction")
    found = ask(app, k=3)["recs"]
    assert len(found) == 3
    assert not {"1", "40"} & set(found)


@pytest.mark.parametrize("default", ["mix", "plain", "top"])
def test_what_was_bought_stays_away_whatever_happens_after(
    make: Callable[..., Flask], default: str
) -> None:
    app, now = make(default=default), time.time_ns() // 1_000_000
    act(app, 40, "transaction", timestamp=now - 29 * DAY_MS)
    act(app, 39, "transaction", timestamp=now - 31 * DAY_MS)
    event = {"user": "anna", "item": 3, "event": "view"}
    send(app, "/events", [{**event, "timestamp": now - n} for n in range(200)])
    found = ask(app, k=40, exclude=[3])["recs"]
    assert "40" not in found
    assert "39" in found
    assert "40" in ask(app, "ben", k=40)["recs"]


@pytest.mark.parametrize("default", ["mix", "plain"])
def test_reminders_and_discoveries_are_optional(make: Callable[..., Flask], default: str) -> None:
    app = make(default=default)
    for item in (1, 2, 3):
        act(app, item)
    reminders = ask(app, k=10, discoveries=False)
    assert sorted(reminders["recs"]) == ["1", "2", "3"]
    assert reminders["roles"] == ["reminder"] * 3
    discoveries = ask(app, k=10, reminders=False)
    assert discoveries["recs"][0] == "4"
    assert discoveries["roles"] == ["discovery"] * 10
    if default == "mix":  # which answers no more than two reminders
        assert ask(app, k=10)["roles"].count("reminder") == 2


def test_lists_are_read_deeper_where_the_first_round_found_too_little(
    make: Callable[..., Flask],
) -> None:
    mix = {"type": "blend", "list": "mine", "depth": 1}
    app = make(recommenders={"mix": mix})
    assert ask(app, k=6)["recs"] == ["1", "2", "3", "4", "40", "39"]


def test_without_redis(make: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()
    by_hand(app)._breaker.trip("as a test has it")
    answer = ask(app, "nobody", 2)
    assert (answer["sources"], answer["roles"]) == (["fallback"] * 2, [None] * 2)
    # Categories are in Redis: an answer that ignores the filter would be wrong.
    assert ask(app, category="odd")["recs"] == []


def test_a_shadow_is_logged_and_not_shown(make: Callable[..., Flask], tmp_path: Path) -> None:
    app = make(default="top", shadow="mix")
    answer = ask(app, k=2)
    assert "shadow" not in answer
    (line,) = lines(tmp_path, "recommend")
    jsonschema.validate(line, json_schema("recommend"))
    assert line["items"] == answer["recs"] == ["40", "39"]
    shadow = {"recommender": "mix", "items": ["1", "2"], "sources": ["mine", "mine"]}
    assert line["shadow"] == shadow


def test_a_holdout_gets_popular_items_only(make: Callable[..., Flask]) -> None:
    holdout = {"layer": "all", "share": 20, "treatments": {"C": "top"}}
    blends = {"layer": "all", "share": 80, "treatments": {"C": "plain", "T1": "mix"}}
    app = make(experiments={"HOLDOUT": holdout, "BLEND": blends})
    members = set()
    for n in range(40):
        _, treatments = send(app, f"/experiments/u{n}", method="GET")
        assert len(treatments) == 1
        act(app, 10, user=f"u{n}")
        source = ask(app, f"u{n}", 1)["sources"]
        if treatments == {"BLEND": "T1"}:
            assert source == ["near"]
        members.add(*treatments.items())
    assert members == {("HOLDOUT", "C"), ("BLEND", "C"), ("BLEND", "T1")}


def test_routes_of_another_edition(make: Callable[..., Flask], tmp_path: Path) -> None:
    app = make()
    assert send(app, "/similar_items?item_id=10&k=1") == (
        200,
        {"item_id_sim": [11], "score": [0.9]},
    )
    assert send(app, "/similar_items?item_id=999")[1] == {"item_id_sim": [], "score": []}
    assert send(app, "/recommendations_offline?user_id=anna&k=2")[1]["recs"] == [1, 2]
    assert send(app, "/recommendations_offline?user_id=5&k=2")[1]["recs"] == [40, 39]
    assert send(app, "/recommendations_online?user_id=5")[1]["recs"] == []
    assert send(app, "/put?user_id=5&item_id=10") == (200, {"result": "ok"})
    assert send(app, "/recommendations_online?user_id=5")[1]["recs"] == [11, 12]
    assert send(app, "/recommendations/?user_id=5&k=1")[1]["recs"] == [11]
    assert ask(app, "5", 1)["recs"] == ["11"]
    assert send(app, "/recommendations_online?user=5")[0] == 400
    assert send(app, "/similar_items")[0] == 400
    assert len(lines(tmp_path, "recommend")) == 6


def test_routes_of_another_edition_without_neighbours(make: Callable[..., Flask]) -> None:
    app = make(neighbours={}, similar=None, lists={}, recommenders={"mix": {"type": "popular"}})
    assert send(app, "/similar_items?item_id=10")[0] == 404
    assert send(app, "/recommendations_online?user_id=5")[0] == 404
    assert send(app, "/recommendations_offline?user_id=5&k=1")[1]["recs"] == [40]
