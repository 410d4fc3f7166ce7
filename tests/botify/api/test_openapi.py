"""The document and its page: complete, true to themselves, and of this host alone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask

from botify.api.openapi import document
from botify.app import create_app
from botify.catalog import Catalog
from botify.config import Config
from botify.experiments import Experiments

from ..openapi import check_routes, operations

CONFIG = Config.model_validate(
    {
        "recommenders": {"random": {"type": "random"}, "top_pop": {"type": "top_pop"}},
        "experiments": {
            "ONE": {"treatments": {"C": "random", "T1": "top_pop"}},
            "TWO.b": {"treatments": {"C": None, "T1": "random", "T2": "top_pop"}},
        },
        "allow_forced": True,
    }
)
DOCUMENT = document(10, Experiments(CONFIG.experiments).describe(), forcing=True)


@pytest.fixture
def app(client: "redis.Redis", catalog: Catalog, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(CONFIG.model_copy(update={"log_dir": tmp_path}), catalog, client)
    yield app
    app.extensions["botify"].stop()


def test_every_route_is_described(app: Flask) -> None:
    check_routes(app, DOCUMENT)


def test_the_service_hands_out_its_own_document(app: Flask) -> None:
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == DOCUMENT


def test_every_example_is_as_its_schema_says() -> None:
    def check(value: object, schema: dict[str, Any]) -> None:
        whole = {**schema, "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)

    checked = 0
    for _, _, operation in operations(DOCUMENT):
        for parameter in operation.get("parameters", []):
            check(parameter["example"], parameter["schema"])
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in (*bodies, *operation["responses"].values()):
            (media,) = body["content"].values()
            examples = media.get("examples", {"": {"value": media.get("example")}})
            for example in examples.values():
                check(example["value"], media["schema"])
                checked += 1
    assert checked >= 30


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("ONE=T1", True),
        ("ONE=C, TWO.b=T2", True),
        ("TWO.b=T2", True),
        ("ONE=T2", False),
        ("TWOxb=T2", False),
        ("ONE=C,ONE=T1", False),
        ("", False),
    ],
)
def test_the_header_takes_what_runs(header: str, allowed: bool) -> None:
    parameters = DOCUMENT["paths"]["/next/{user}"]["post"]["parameters"]
    (schema,) = [p["schema"] for p in parameters if p["in"] == "header"]
    assert bool(re.search(schema["pattern"], header)) == allowed


def test_no_header_is_described_where_nothing_can_be_forced() -> None:
    described = Experiments(CONFIG.experiments).describe()
    for made in (document(10, described, forcing=False), document(10, [], forcing=True)):
        parameters = made["paths"]["/last/{user}"]["post"]["parameters"]
        assert [parameter["in"] for parameter in parameters] == ["path"]


def test_the_page_may_load_nothing_from_elsewhere(app: Flask) -> None:
    answer = app.test_client().get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    rules = answer.headers["Content-Security-Policy"].split("; ")
    policy = dict(rule.split(" ", 1) for rule in rules)
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for source in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[\w+/]{43}='", policy[source])
    assert set(policy) <= {
        *("default-src", "connect-src", "script-src", "style-src"),
        *("base-uri", "form-action", "frame-ancestors"),
    }
    assert re.findall(r"(?:https?:)?//\w", answer.text) == []
