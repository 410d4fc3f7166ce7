"""Answers in the order of a ranker, on a real Valkey: what is logged is what a replay computes."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import redis
from flask import Flask

from botify.app import create_app
from botify.config import EventsConfig, LogConfig, ShopConfig
from botify.errors import InputError
from botify.lists.loader import kind_of, load_list
from botify.session_model.repository import FileRepository
from botify.shop.live_ranker import put_ranker
from botify.shop.ranker import Ranker
from botify.shop.ranking import MOST_RANKED, build_with_rankers, live_rankers, ranker_sources
from botify.shop.replay.run import Options, write_log_features
from botify.store.keys import SHOP_KEYS
from contract.schema import json_schema

from .rankers import write_ranker
from .shops import by_hand, lines, send

SOURCES = ("mine", "near", "reminders", "popular")
CONFIG: dict[str, Any] = {
    "face": "shop",
    "log": LogConfig(min_free_bytes=0),
    "redis_timeout": 10,
    "workers": 1,
    "lists": {"mine": "mine.json"},
    "neighbours": {"near": "near.json"},
    "rankers": {"trees": "ranker.safetensors"},
    "recommenders": {
        "ranked": {"type": "blend", "list": "mine", "neighbours": "near", "ranker": "trees"},
        "mix": {"type": "blend", "list": "mine", "neighbours": "near"},
        "top": {"type": "popular"},
    },
    "default": "ranked",
}
ITEMS = [
    {"item": n, "category": ["odd", 7][n % 2], "price": n} if n % 5 else {"item": n}
    for n in range(300)
]
FILES: dict[str, list[dict[str, Any]]] = {
    "items.json": ITEMS,
    "popular.json": [{"items": [*range(299, 20, -1)]}],
    "mine.json": [{"user": "anna", "items": [1, 2, 3, 4]}],
    "near.json": [{"item": n, "items": [n + 1, n + 2, n + 3]} for n in range(10, 60, 10)],
}
Make = Callable[..., Flask]


@pytest.fixture
def repository(tmp_path: Path) -> FileRepository:
    (tmp_path / "kept").mkdir()
    return FileRepository(tmp_path / "kept")


@pytest.fixture
def make(client: "redis.Redis", tmp_path: Path, repository: FileRepository) -> Iterator[Make]:
    made: list[Flask] = []

    def make(column: str | None = None, **changes: Any) -> Flask:
        places = {"data_dir": tmp_path, "log_dir": tmp_path / "log"}
        config = ShopConfig.model_validate({**CONFIG, **places, **changes})
        for name, file in config.list_files.items():
            rows = FILES[file.file.name]
            file.file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
            load_list(client, name, file, kind_of(config, name), 0, keys=SHOP_KEYS)
        path = write_ranker(tmp_path / "ranker.safetensors", SOURCES, column=column)
        put_ranker(repository, "trees", path, ranker_sources(config)["trees"])
        made.append(create_app(config, None, client, repository=repository))
        return made[-1]

    yield make
    for app in made:
        app.extensions["botify"].stop()


def act(app: Flask, item: int, event: str = "view", user: str = "anna") -> None:
    status, _ = send(app, "/events", {"user": user, "item": item, "event": event})
    assert status == 200
    time.sleep(0.002)  # so that the log says what came before an answer


def ask(app: Flask, user: str = "anna", k: int = 10, **body: Any) -> Any:
    time.sleep(0.002)
    status, answer = send(app, "/recommendations", {"user_id": user, "k": k, **body})
    time.sleep(0.002)
    assert status == 200
    return answer


def replayed(tmp_path: Path, **more: Any) -> tuple[dict[str, int], np.ndarray]:
    """What became of the log, and the values of the groups that were shown."""
    out = tmp_path / "features"
    options = Options(sources=SOURCES, window_ms=60_000)
    items = tmp_path / "items.json"
    write_log_features([tmp_path / "log"], out, options, EventsConfig(), items, **more)
    about = json.loads((out / "features.json").read_text())
    return about["counts"], np.load(out / "features.npy")[np.load(out / "shown.npy") == 1]


def visit(app: Flask) -> list[Any]:
    """Events of two visitors, changes of items, and ranked answers between them."""
    act(app, 10)
    act(app, 299, user="bert")
    answers = [ask(app)]
    send(app, "/items", [{"item": 12, "price": 3.5}, {"item": 11, "category": "odd"}])
    for item, kind in ((20, "view"), (11, "addtocart"), (30, "view"), (12, "transaction")):
        act(app, item, kind)
        answers.append(ask(app))
    act(app, int(answers[-1]["recs"][0]), "addtocart")
    answers.append(ask(app, "bert"))
    act(app, int(answers[-1]["recs"][2]), "addtocart", "bert")
    return answers


def test_values_in_the_log_are_those_of_a_replay(make: Make, tmp_path: Path) -> None:
    app = make()
    answers = visit(app)
    found = lines(tmp_path, "recommend")
    assert [line["items"] for line in found] == [answer["recs"] for answer in answers]
    for line in found:
        jsonschema.validate(line, json_schema("recommend"))
        assert line["scores"] == sorted(line["scores"], reverse=True)
        assert line["recommender"] == "ranked"
    counts, used = replayed(tmp_path)
    assert counts["answers whose values are logged"] == len(answers)
    assert counts["logged values"] == 10 * len(answers) * 27
    assert "logged values that the replay has otherwise" not in {k for k, v in counts.items() if v}
    ranker = Ranker.read(tmp_path / "ranker.safetensors", SOURCES)
    # What is trained on scores as the answer did.
    scores = [score for line in found for score in line["scores"]]
    assert set(np.round(ranker.scores(used), 9)) <= set(np.round(scores, 9))
    assert len(used) >= 20


def test_the_same_log_without_values_has_the_same_values(make: Make, tmp_path: Path) -> None:
    app = make()
    visit(app)
    _, used = replayed(tmp_path)
    log = tmp_path / "log" / "data.json"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(row.pop("features", None) is not None for row in rows) == 6
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts, computed = replayed(tmp_path)
    assert "answers whose values are logged" not in counts
    np.testing.assert_allclose(used[:, 4:], computed[:, 4:], rtol=1e-5, atol=1e-5)


def test_places_are_those_among_the_candidates_of_a_source(make: Make, tmp_path: Path) -> None:
    app = make()
    act(app, 10)
    act(app, 20)
    ask(app, k=42)
    (line,) = lines(tmp_path, "recommend")
    places = {
        item: dict(zip(SOURCES, row, strict=False))
        for item, row in zip(line["items"], line["features"]["values"], strict=True)
    }
    assert [places[item]["mine"] for item in "1234"] == [0, 1, 2, 3]
    assert (places["20"]["reminders"], places["10"]["reminders"]) == (0, 1)
    assert (places["299"]["popular"], places["280"]["popular"]) == (0, 19)
    assert places["299"]["near"] is None
    assert sorted(row["near"] for row in places.values() if row["near"] is not None) == [*range(6)]


def test_a_ranker_changes_the_order_and_keeps_the_rules(make: Make) -> None:
    app = make("price", rules={"max_per_category": 4})
    act(app, 10)
    act(app, 299, "transaction")
    send(app, "/items", {"item": 298, "available": False})
    answer = ask(app, k=8)
    assert not {"299", "298"} & set(answer["recs"])
    assert answer["roles"].count("reminder") <= 2
    assert len(answer["recs"]) == len(set(answer["recs"])) == 8
    assert not set(ask(app, k=8, reminders=False)["recs"]) & {"10", "299"}
    assert ask(app, k=8, discoveries=False)["recs"] == ["10"]
    assert ask(make(default="mix"), k=8)["recs"] != answer["recs"]


def test_more_items_than_are_ranked(make: Make, tmp_path: Path) -> None:
    app = make(recommenders={"ranked": {**CONFIG["recommenders"]["ranked"], "depth": 1000}})
    ask(app, k=250)
    (line,) = lines(tmp_path, "recommend")
    values = line["features"]["values"]
    assert [row is None for row in values] == [False] * MOST_RANKED + [True] * 50
    act(app, int(line["items"][0]), "addtocart")
    counts, used = replayed(tmp_path)
    assert (len(used), counts["answers whose values are logged"]) == (250, 1)


def test_a_shadow_is_ranked_and_the_answer_is_not(make: Make, tmp_path: Path) -> None:
    app = make(default="top", shadow="ranked")
    act(app, 10)
    ask(app)
    (line,) = lines(tmp_path, "recommend")
    assert line["shadow"]["recommender"] == "ranked"
    assert line["shadow"]["items"] != line["items"]
    assert "features" not in line


def test_a_new_ranker_takes_effect_while_the_service_runs(
    make: Make, tmp_path: Path, repository: FileRepository
) -> None:
    app = make()
    monitor = by_hand(app)
    before = ask(app)
    other = write_ranker(tmp_path / "other.safetensors", SOURCES, seed=2)
    version = put_ranker(repository, "trees", other, SOURCES)
    monitor._round()
    assert monitor.report().models == {"trees": version}
    assert ask(app)["recs"] != before["recs"]
    first, second = (line["features"]["version"] for line in lines(tmp_path, "recommend"))
    assert first != second == version


def test_without_redis_or_a_ranker(make: Make, tmp_path: Path) -> None:
    app = make()
    app.extensions["botify"]._models[0].current = None
    assert ask(app)["recs"][:4] == ["1", "2", "3", "4"]  # as they came
    by_hand(app)._breaker.trip("as a test has it")
    assert ask(app)["sources"] == ["fallback"] * 10
    assert not any("features" in line for line in lines(tmp_path, "recommend"))


def test_a_ranker_of_other_sources_is_refused_with_their_names(make: Make, tmp_path: Path) -> None:
    without = {"type": "blend", "neighbours": "near", "ranker": "trees"}
    with pytest.raises(InputError, match="does not compute: rank:mine"):
        make(recommenders={"ranked": without})


def test_a_recommender_without_a_source_of_its_ranker_is_refused(
    make: Make, tmp_path: Path, repository: FileRepository
) -> None:
    make()
    whole = ShopConfig.model_validate({**CONFIG, "data_dir": tmp_path})
    narrow = {"type": "blend", "neighbours": "near", "ranker": "trees"}
    changed = {**CONFIG, "data_dir": tmp_path, "default": "n", "recommenders": {"n": narrow}}
    rankers = live_rankers(whole, repository)
    assert build_with_rankers(whole, rankers)
    with pytest.raises(InputError, match=r"n\.ranker: 'trees' has .* not have: mine; it has near"):
        build_with_rankers(ShopConfig.model_validate(changed), rankers)
