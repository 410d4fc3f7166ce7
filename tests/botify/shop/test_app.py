"""The shop face in this process, on a real Valkey: answers, their log lines, and the document."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask

from botify.api.shop.openapi import shop_document
from botify.app import create_app
from botify.config import ListFile, LogConfig, ShopConfig
from botify.experiments import Experiments
from botify.lists.loader import kind_of, load_list
from botify.shop.recommenders import SimilarItems
from botify.store.items import Source
from botify.store.keys import SHOP_KEYS
from contract.bucketing import treatment
from contract.schema import json_schema
from contract.shop_events import RECOMMEND

from ..openapi import check_routes, operations

CONFIG: dict[str, Any] = {
    "face": "shop",
    "data_dir": ".",
    "log": LogConfig(min_free_bytes=0),
    "redis_timeout": 10,
    "lists": {"als": "als.json", "dae": "dae.json"},
    "neighbours": {"near": "near.json"},
    "similar": "near",
    "recommenders": {
        "als": {"type": "user_list", "list": "als"},
        "dae": {"type": "user_list", "list": "dae"},
        "beside": {"type": "similar_items", "neighbours": "near"},
    },
    "experiments": {"ALS_VS_DAE": {"treatments": {"C": "als", "T1": "dae"}}},
    "allow_forced": True,
}
ITEMS = ["sku/1", "sku 2", "ü", "d", "e", "f"]
FILES = {
    "items.json": [{"item": item, "title": f"<b>{item}</b>", "price": 9.5} for item in ITEMS],
    "popular.json": [{"items": ["d", "e", "f", "ü"], "scores": [4, 3, 2, 1]}],
    "als.json": [{"user": f"user {n}", "items": ["sku/1", "sku 2"]} for n in range(20)],
    "dae.json": [{"user": f"user {n}", "items": ["ü"], "scores": [0.5]} for n in range(20)],
    "near.json": [{"item": "sku/1", "items": ["sku 2", "ü"], "scores": [0.9, 0.8]}, {"item": "d"}],
}
HALVES = {"C": 1, "T1": 1}
DOCUMENT = shop_document(
    Experiments(ShopConfig.model_validate(CONFIG).experiments).describe(), True
)


@pytest.fixture
def make(client: "redis.Redis", tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        config = ShopConfig.model_validate(
            {**CONFIG, "data_dir": tmp_path, "log_dir": tmp_path / "log", "workers": 1, **changes}
        )
        for name, file in config.list_files.items():
            rows = FILES[file.file.name]
            file.file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            load_list(client, name, file, kind_of(config, name), 0, keys=SHOP_KEYS)
        made.append(create_app(config, None, client))
        return made[-1]

    yield make
    for app in made:
        app.extensions["botify"].stop()


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    return make()


def get(app: Flask, path: str, **more: Any) -> Any:
    answer = app.test_client().get(path, **more)
    assert answer.mimetype == "application/json"
    return answer.status_code, answer.json


def logged(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "log" / "data.json").read_text().splitlines()]


def test_a_users_list_then_popular_items(app: Flask, tmp_path: Path) -> None:
    status, answer = get(app, "/recommendations/?user_id=user+3&k=4")
    is_als = treatment("user 3", "ALS_VS_DAE", HALVES) == "C"
    own = ["sku/1", "sku 2"] if is_als else ["ü"]
    filled = [*own, "d", "e", "f"][:4]
    sources = ["als" if is_als else "dae"] * len(own) + ["popular"] * (4 - len(own))
    assert (status, answer["recs"], answer["sources"]) == (200, filled, sources)
    (line,) = logged(tmp_path)
    assert (line["user"], line["items"], line["sources"]) == ("user 3", filled, sources)
    assert line["request"] == answer["request"]
    assert line["model_version"] == answer["model_version"] is not None
    assert line["scores"] == (([None, None] if is_als else [0.5]) + [4, 3, 2])[:4]


def test_every_line_is_as_the_schema_says(app: Flask, tmp_path: Path) -> None:
    for n in range(20):
        get(app, f"/recommendations?user_id=user+{n}")
    get(app, "/recommendations?user_id=x", headers={"X-Botify-Experiments": "ALS_VS_DAE=T1"})
    lines = logged(tmp_path)
    assert len(lines) == 21
    for line in lines:
        jsonschema.validate(line, json_schema("recommend"))
    assert tuple(lines[-1]) == tuple(field.name for field in RECOMMEND)
    assert (lines[-1]["experiments"], lines[-1]["forced"]) == ({}, {"ALS_VS_DAE": "T1"})


def test_both_treatments_by_the_bucket_of_the_text(app: Flask) -> None:
    seen = set()
    for n in range(20):
        user, path = f"user {n}", f"/recommendations?k=1&user_id=user%20{n}"
        wanted = treatment(user, "ALS_VS_DAE", HALVES)
        _, answer = get(app, path)
        assert answer["sources"] == [{"C": "als", "T1": "dae"}[wanted]]
        assert get(app, f"/experiments/user%20{n}") == (200, {"ALS_VS_DAE": wanted})
        seen.add(wanted)
    assert seen == {"C", "T1"}


def test_an_unknown_user_gets_popular_items(app: Flask, tmp_path: Path) -> None:
    _, answer = get(app, "/recommendations?user_id=nobody&k=2")
    assert (answer["recs"], answer["sources"]) == (["d", "e"], ["popular"] * 2)
    assert logged(tmp_path)[0]["recommender"] == "popular"


def test_a_post_with_what_not_to_answer(app: Flask) -> None:
    body = {"user_id": "nobody", "k": 3, "exclude": ["d", "f"]}
    answer = app.test_client().post("/recommendations/", json=body)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["recs"] == ["e", "ü"]


def test_similar_to_what_the_user_looks_at(make: Callable[..., Flask]) -> None:
    app = make(experiments={}, default="beside")
    body = {"user_id": "u", "k": 3, "items": ["sku/1", "d"]}
    answer = app.test_client().post("/recommendations/", json=body)
    assert answer.json is not None
    assert answer.json["recs"] == ["sku 2", "ü", "e"]
    assert answer.json["sources"] == ["beside", "beside", "popular"]


@pytest.mark.parametrize(
    "answer",
    [
        *([1, 2], None, "near", [("near", "x")]),
        (Source("near", (("near",),)),),
        (Source("near", (("near", "sku/1", "d"),)),),
    ],
)
def test_a_plug_in_that_answers_no_sources_leaves_it_to_popular_items(
    make: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(SimilarItems, "sources", lambda self, request: answer)
    app = make(experiments={}, default="beside")
    status, found = get(app, "/recommendations/?user_id=u&k=2")
    assert (status, found["recs"], found["sources"]) == (200, ["d", "e"], ["popular"] * 2)


def test_similar_items(app: Flask) -> None:
    status, answer = get(app, "/similar/sku/1?k=1")
    assert (status, answer["items"], answer["scores"]) == (200, ["sku 2"], [0.9])
    assert get(app, "/similar/sku%2F1")[1]["items"] == ["sku 2", "ü"]
    assert get(app, "/similar/d")[1]["items"] == []
    assert get(app, "/similar/nothing") == (404, {"message": "there is no item 'nothing'"})
    assert get(app, "/similar/d?n=2")[0] == 400


def test_an_item(app: Flask) -> None:
    expected = {"item": "ü", "title": "<b>ü</b>", "price": 9.5}
    assert get(app, "/items/%C3%BC") == (200, expected)
    assert get(app, "/items/nothing")[0] == 404
    assert get(app, "/items/%FF")[0] == 400
    assert get(app, "/items/a%00b")[0] == 400
    assert get(app, "/items/a%0Ab")[0] == 400
    message = "unknown parameter 'fields': this route has none"
    assert get(app, "/items/d?fields=title") == (400, {"message": message})
    assert get(app, "/experiments/anna?fields=title") == (400, {"message": message})


@pytest.mark.parametrize("path", ["/recommendations?user_id=caf%E9", "/similar/d?k=%FF"])
def test_a_query_that_is_not_utf_8_is_no_other_user(app: Flask, path: str) -> None:
    assert get(app, path) == (400, {"message": "the query must be UTF-8"})


def test_what_is_not_there_yet_is_said(app: Flask) -> None:
    answer = app.test_client().post("/basket", json={"user": "u"})
    assert answer.status_code == 404
    assert answer.json is not None
    assert "there is no /basket; the routes are" in answer.json["message"]
    assert "POST /recommendations" in answer.json["message"]


def test_without_neighbours(make: Callable[..., Flask]) -> None:
    status, answer = get(make(similar=None), "/similar/d")
    assert status == 404
    assert "`similar` in its config" in answer["message"]


def test_popular_items_from_memory_without_redis(app: Flask, tmp_path: Path) -> None:
    monitor = app.extensions["botify"]
    monitor._breaker.trip("a test")
    _, answer = get(app, "/recommendations?user_id=user+1&k=2")
    assert (answer["recs"], answer["sources"]) == (["d", "e"], ["fallback"] * 2)
    assert answer["model_version"] is None
    assert logged(tmp_path)[0]["recommender"] == "fallback"
    assert get(app, "/items/nothing")[0] == 503
    assert get(app, "/similar/d")[0] == 503
    assert monitor.report().serves == "items"


def test_items_that_leave_the_catalog_leave_the_answers(
    app: Flask, client: "redis.Redis", tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer.json"
    fewer.write_text('{"item": "e"}\n{"item": "sku/1"}\n')
    config = ShopConfig.model_validate({**CONFIG, "data_dir": tmp_path})
    load_list(client, "items", ListFile(file=fewer), kind_of(config, "items"), 0, keys=SHOP_KEYS)
    _, answer = get(app, "/recommendations?user_id=nobody")
    assert answer["recs"] == ["e"]


def test_every_route_is_described(app: Flask) -> None:
    check_routes(app, DOCUMENT)
    assert get(app, "/openapi.json") == (200, json.loads(json.dumps(DOCUMENT)))


def test_every_example_is_as_its_schema_says() -> None:
    checked = 0
    for _, _, operation in operations(DOCUMENT):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for described in content.values():
                schema = {**described["schema"], "components": DOCUMENT["components"]}
                jsonschema.validate(described["example"], schema)
                checked += 1
    assert checked > 30
