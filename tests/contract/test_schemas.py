"""The JSON Schemas of `contract`, held against its golden cases and against written files."""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract.events import EVENT, FIELDS, MESSAGES, REQUIRED
from contract.golden import golden_cases
from contract.schema import SCHEMAS, json_schema
from contract.shop_events import FEATURES, RECOMMEND, SHADOW

SCHEMA_OF = {"users": "recommendations", "neighbours": "neighbours", "top": "top_tracks"}
# Schemas cannot say that two keys agree.
BEYOND = '{"track": 1, "item_id": 2, "recommendations": [3]}'

ITEM_SCHEMA_OF = {
    "users": "item_recommendations",
    "neighbours": "item_neighbours",
    "popular": "popular",
    "items": "items",
}
# Nor that 1 and "1" are the same id, that an item is not its own neighbour, or that there are as
# many scores as items.
BEYOND_ITEMS = (
    '{"user": "u", "items": [1, "1"]}',
    '{"item": "a", "items": ["a"]}',
    '{"user": "u", "items": ["a"], "scores": [1, 2]}',
    '{"user": "u", "items": ["a"], "scores": []}',
    '{"item": "a", "items": ["b"], "scores": [1, 2]}',
    '{"items": ["a"], "scores": []}',
)


def is_valid(name: str, value: object) -> bool:
    return bool(Draft202012Validator(json_schema(name)).is_valid(value))


def parsed(line: str) -> Any:
    """None for what is no JSON, or says NaN, which is none."""

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    try:
        return json.loads(line.removeprefix("\ufeff"), parse_constant=refuse)
    except ValueError:
        return None


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


def test_no_schema_is_forgotten() -> None:
    directory = Path(__file__).parents[2] / "contract" / "schemas"
    assert sorted(path.stem for path in directory.iterdir()) == list(SCHEMAS)


def test_the_schema_of_events_is_that_of_the_contract() -> None:
    schema = json_schema("event")
    properties = schema["properties"]
    assert tuple(properties) == FIELDS
    assert properties["message"]["enum"] == list(MESSAGES)
    assert set(schema["required"]) == {*REQUIRED, "recommendation"}
    kinds = {"text": "string", "integer": "integer", "number": "number", "object": "object"}
    for field in EVENT[1:]:
        types = properties[field.name]["type"]
        types = types if isinstance(types, list) else [types]
        # Other editions have no latency on a `last`; ours has.
        nullable = field.nullable or field.name == "latency"
        assert types == [kinds[field.kind], *(["null"] if nullable else [])], field.name


def test_the_schema_of_answers_is_that_of_the_contract() -> None:
    properties = json_schema("recommend")["properties"]
    assert list(properties) == [field.name for field in (*RECOMMEND, SHADOW, FEATURES)]
    kinds = {"text": "string", "list": "array"}
    for field in RECOMMEND:
        types = properties[field.name].get("type", "string")  # `message` and ids are texts
        types = types if isinstance(types, list) else [types]
        expected = [kinds.get(field.kind, field.kind), *(["null"] if field.nullable else [])]
        assert types == expected, field.name


@pytest.mark.parametrize("case", golden_cases("events"), ids=lambda case: str(case["line"]))
def test_no_line_that_is_no_event_is_valid(case: dict[str, Any]) -> None:
    row = parsed(case["line"])
    # A schema cannot tell 1e30 from an integer.
    if "fault" in case and "1e+30" not in case["line"]:
        assert not is_valid("event", row)


def test_what_the_family_writes_is_valid() -> None:
    rows = [parsed(case["line"]) for case in golden_cases("events") if "event" in case]
    assert sum(is_valid("event", row) for row in rows) >= 15


@pytest.mark.parametrize("case", golden_cases("lists"), ids=lambda case: str(case["line"]))
def test_lists(case: dict[str, Any]) -> None:
    if case["line"] != BEYOND:
        valid = is_valid(SCHEMA_OF[case["kind"]], parsed(case["line"]))
        assert valid == ("error" not in case)


@pytest.mark.parametrize("case", golden_cases("item_lists"), ids=lambda case: ascii(case["line"]))
def test_item_lists(case: dict[str, Any]) -> None:
    schema = ITEM_SCHEMA_OF[case["kind"]]
    row = parsed(case["line"])
    if "error" not in case:
        assert "NaN" in case["line"] or is_valid(schema, row)
    elif case["line"] not in BEYOND_ITEMS:
        assert not is_valid(schema, row)


@pytest.mark.parametrize("case", golden_cases("owner_ids"), ids=ascii)
def test_owners_ids(case: dict[str, Any]) -> None:
    if case["value"] not in ("\ud800", 1e30):  # neither a text that can be written, nor exact
        assert is_valid("items", {"item": case["value"]}) == (case["id"] is not None)


@pytest.mark.parametrize("case", golden_cases("users"), ids=lambda case: str(case["line"]))
def test_users(case: dict[str, Any]) -> None:
    if "NaN" not in case["line"]:
        assert is_valid("users", parsed(case["line"])) == ("error" not in case)


def test_catalogs() -> None:
    cases = [case for case in golden_cases("catalogs") if "tracks" in case]
    for case in cases:
        for row in filter(None, map(parsed, case["lines"])):
            assert is_valid("catalog", row) or re.search("NaN", str(case["lines"])), row
    refused = [case for case in golden_cases("catalogs") if "error" in case]
    single = [case for case in refused if case["line"] and "twice" not in case["error"]]
    for case in single:
        row = parsed(case["lines"][case["line"] - 1])
        assert not is_valid("catalog", row) or "not in the catalog" in case["error"], case


def test_a_session_model(write_sessions: Callable[..., Path], tmp_path: Path) -> None:
    path = write_sessions(tmp_path / "sessions.safetensors", 40)
    assert is_valid("session_model", header_of(path))
    assert not is_valid("session_model", header_of(path) | {"other": {}})
    damaged = header_of(path)
    damaged["__metadata__"] |= {"skip_weight": "nan"}
    assert not is_valid("session_model", damaged)


def header_of(path: Path) -> dict[str, Any]:
    """The header of a safetensors file."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    return header
