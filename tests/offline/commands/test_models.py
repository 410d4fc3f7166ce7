"""Any model through the commands: train, export, recommend, similar, models."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from contract.item_lists import parse_item, parse_item_neighbours, parse_popular, parse_user_items
from contract.schema import json_schema
from offline.models.registry import MODELS, model_class, names_of

from ..programs import offline_in

OPTIONS = {
    "dae": ["epochs=12", "patience=12", "hidden=[16]", "batch_size=20", "learning_rate=0.02"],
    "pure-svd": ["factors=4"],
}
"""Of models whose defaults are for more data than this."""
FOR_EVERYONE = ("history", "new")
"""Of these the items that a user does not have yet are the same for all."""
USERS, CAMP = 60, 30


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Orders of customers of two camps, in a file with ids that are text, and titles."""
    rng = np.random.default_rng(4)
    lines = ["customer,product,title,time"]
    for user in range(USERS):
        lines += [
            f"c{user:02d},p-{item:02d},Thing {item},{1_700_000_000 + user}"
            for item in (CAMP * (user % 2) + rng.choice(CAMP, 10, replace=False)).tolist()
        ]
    (tmp_path / "orders.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def offline(place: Path) -> Callable[..., str]:
    run = offline_in(place)
    run("import", "@orders.csv", "--format", "csv", "--out", "@goods")
    return run


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def camp_of(item: object) -> int:
    return int(str(item).removeprefix("p-")) // CAMP


@pytest.mark.parametrize("model", [name for name in names_of("likes") if name != "popular"])
def test_from_a_file_to_lists_in_its_own_ids(
    model: str, place: Path, offline: Callable[..., str]
) -> None:
    words = ("--model", model, "--out", "@model", *(f"--set={x}" for x in OPTIONS.get(model, ())))
    offline("train", "@goods", *words)
    about = json.loads((place / "model/artefact.json").read_text())
    Draft202012Validator(json_schema("model")).validate(about)
    assert (about["model"], about["users"], about["items"]) == (model, USERS, 2 * CAMP)
    assert not list((place / "model").rglob("*.pickle"))

    said = offline("export", "@model", "@goods", "--out", "@lists", "--length", "10", "--unseen")
    assert f"lists for {USERS} users (0 without likes have none" in said
    bought = {}
    for line in (place / "orders.csv").read_text().splitlines()[1:]:
        customer, product, *_ = line.split(",")
        bought.setdefault(customer, set()).add(product)
    right = []
    for row in rows(place / "lists/recommendations.json"):
        user, found = parse_user_items(row)
        assert found.scores is not None
        assert sorted(found.scores, reverse=True) == list(found.scores)
        assert not bought[user] & set(found.items)
        right += [camp_of(item) == int(user[1:]) % 2 for item in found.items]
    assert len(right) == 10 * USERS
    if model not in FOR_EVERYONE:
        assert np.mean(right) > (0.65 if model in ("dae", "vae") else 0.95)
    for row in rows(place / "lists/neighbours.json"):
        item, near = parse_item_neighbours(row)
        assert {camp_of(other) for other in near.items} == {camp_of(item)}
    items = [parse_item(row) for row in rows(place / "lists/items.json")]
    assert (items[7].item, items[7].title) == ("p-07", "Thing 7")
    assert len(parse_popular(json.loads((place / "lists/popular.json").read_text())).items) == 60

    said = offline("recommend", "@model", "--user", "c03", "-n", "3")
    assert said.startswith(f"user c03, 10 interactions, by {model}:\n   1  p-")
    assert said.count("  Thing ") == 3
    (near,) = (json.loads(offline("similar", "@model", "--item", "p-07", "-n", "4", "--json")),)
    assert near["item"] == "p-07"
    assert len(near["items"]) == 4
    if model not in ("dae", "vae", *FOR_EVERYONE):
        assert {camp_of(row["item"]) for row in near["items"]} == {0}


def test_users_without_likes_have_no_list_and_are_told(place: Path) -> None:
    offline = offline_in(place)
    lines = [
        f"{row},{1 + int(not row.startswith(('c03', 'c59'))) * 4}"
        for row in (place / "orders.csv").read_text().splitlines()[1:]
    ]
    (place / "rated.csv").write_text("customer,product,title,time,stars\n" + "\n".join(lines))
    offline("import", "@rated.csv", "--liked-from", "4", "--out", "@goods")
    offline("train", "@goods", "--model", "popular", "--out", "@model")
    said = offline("export", "@model", "@goods", "--out", "@lists", "--length", "10")
    wanted = f"lists for {USERS - 2} users (2 without likes have none: the service answers popular"
    assert wanted in said
    lists = rows(place / "lists/recommendations.json")
    assert {"c03", "c59"}.isdisjoint(str(row["user"]) for row in lists)
    assert len(lists) == lists[0]["lists"] == USERS - 2
    assert "no such user" in offline("recommend", "@model", "--user", "c03", fails=True)


def test_users_who_have_everything_have_no_list(place: Path) -> None:
    offline = offline_in(place)
    pairs = [(u, i) for u in range(9) for i in range(6) if u == 0 or i != u % 6]
    (place / "few.csv").write_text("user,item\n" + "\n".join(f"u{u},i{i}" for u, i in pairs))
    offline("import", "@few.csv", "--out", "@few")
    offline("train", "@few", "--model", "ease", "--out", "@ease")
    said = offline("export", "@ease", "@few", "--out", "@lists", "--length", "3", "--unseen")
    assert "lists for 8 users (0 without likes have none" in said
    assert "1 users have interacted with everything that could be listed: they have none" in said
    lists = rows(place / "lists/recommendations.json")
    assert [row["user"] for row in lists] == [f"u{u}" for u in range(1, 9)]

    offline("train", "@few", "--model", "ease", "--out", "@ease", "--export", "@all")
    lists = rows(place / "all/recommendations.json")
    assert {len(row["items"]) for row in lists} == {6}  # there are no 50


def test_what_users_know_is_listed_unless_it_is_not_wanted(
    place: Path, offline: Callable[..., str]
) -> None:
    offline("train", "@goods", "--model", "ease", "--out", "@model")
    said = offline("export", "@model", "@goods", "--out", "@lists", "--length", "10")
    share = int(said.split("% of what is listed")[0].rsplit("\n", 1)[-1])
    assert 30 < share <= 100
    assert "--unseen leaves them out" in said
    one, two = (
        json.loads(offline("recommend", "@model", "--user", "c03", "--json", *more))
        for more in ((), ("--seen",))
    )
    assert one["user"] == two["user"] == "c03"
    assert one["items"] != two["items"]


def test_a_model_of_other_data_is_refused(place: Path, offline: Callable[..., str]) -> None:
    offline("train", "@goods", "--model", "popular", "--out", "@model")
    text = (place / "orders.csv").read_text()
    (place / "orders.csv").write_text(text.replace("c03,", "c04,", 1))
    offline("import", "@orders.csv", "--format", "csv", "--out", "@others")
    said = offline("export", "@model", "@others", "--out", "@lists", fails=True)
    assert "the model was trained on other interactions than these" in said
    (place / "more.csv").write_text(f"{text}c03,p-99,Thing 99,1700000000\n")
    offline("import", "@more.csv", "--out", "@more")
    said = offline("export", "@model", "@more", "--out", "@lists", fails=True)
    assert "the model was trained on other interactions than these" in said
    words = ("--catalog", "@nothing.json", "--out", "@lists")
    assert "nothing.json' does not exist" in offline(
        "export", "@model", "@goods", *words, fails=True
    )


def test_unknown_names_are_one_line_with_the_nearest(offline: Callable[..., str]) -> None:
    def refused(*words: str) -> str:
        said = offline("train", "@goods", "--out", "@model", *words, fails=True)
        assert said.count("\n") == 1
        return said

    assert "no model 'alss'; did you mean 'als'?" in refused("--model", "alss")
    said = refused("--model", "als", "--set", "factor=3")
    assert "unknown key factor: do you mean factors?" in said
    assert "factors: Input should be greater than 0" in refused(
        "--model", "als", "--set", "factors=0"
    )
    offline("train", "@goods", "--model", "popular", "--out", "@model")
    said = offline("recommend", "@model", "--user", "c3", fails=True)
    assert "user c3: the model was trained on no such user; there are 60, such as c00" in said
    said = offline("similar", "@model", "--item", "07", fails=True)
    assert "item 07: the model was trained on no such item" in said


def test_options_that_need_too_much_memory_are_one_line(
    offline: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_: object) -> None:
        np.empty((1 << 24, 1 << 24))

    monkeypatch.setattr(model_class("popular"), "_fit", fit)
    said = offline("train", "@goods", "--model", "popular", "--out", "@model", fails=True)
    assert said.startswith("Error: not enough memory: Unable to allocate")
    assert said.count("\n") == 1


def test_a_config_says_which_model(place: Path, offline: Callable[..., str]) -> None:
    (place / "train.yml").write_text("model: {type: als, factors: 4}")
    offline("train", "@goods", "--config", "@train.yml", "--set", "seed=5", "--out", "@model")
    about = json.loads((place / "model/artefact.json").read_text())
    assert (about["model"], about["config"]["factors"], about["config"]["seed"]) == ("als", 4, 5)
    said = offline(
        *("train", "@goods", "--config", "@train.yml", "--model", "bpr", "--out", "@model"),
        fails=True,
    )
    assert "is about als, not --model bpr" in said
    said = offline("train", "@goods", "--model", "als", "--fresh", "--out", "@model", fails=True)
    assert "--fresh is for the dae, not for als" in said


def test_models_are_listed_with_what_they_are(offline: Callable[..., str]) -> None:
    said = offline("models", "--options")
    for name in MODELS.names:
        assert f"\n{name} " in f"\n{said}"
    assert "    factors: 128\n" in said
