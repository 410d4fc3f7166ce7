"""The golden cases of `contract`, by its reference functions and by the service's fast ones."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from botify.config import ExperimentConfig
from botify.experiments import Experiments
from contract import bucketing
from contract.catalog import CatalogError, artist_numbers, read_catalog
from contract.errors import FormatError
from contract.events import EventError, parse_event
from contract.golden import NAMES, golden_cases
from contract.ids import owner_id, user_digits
from contract.item_lists import (
    parse_item,
    parse_item_neighbours,
    parse_popular,
    parse_user_items,
)
from contract.jsonlines import parse_line
from contract.lists import parse_neighbours, parse_recommendations, parse_tracks
from contract.timestamps import is_own_clock, parse_timestamp, units_of_run
from contract.users import parse_user


@pytest.mark.parametrize("name", NAMES)
def test_there_are_cases(name: str) -> None:
    assert len(golden_cases(name)) >= 10


@pytest.mark.parametrize("case", golden_cases("bucketing"), ids=str)
def test_buckets(case: dict[str, Any]) -> None:
    user, salt = case["user"], case["salt"]
    assert bucketing.user_hash(user, salt) == case["hash"]
    for n in (2, 3, 4, 7):
        assert bucketing.bucket(user, salt, n) == case[f"of_{n}"]
    assert bucketing.treatment(user, salt, case["weights"]) == case["treatment"]
    assert bucketing.percent_point(user, salt) == case["participation"]
    assert bucketing.percent_point(user, salt, bucketing.LAYER) == case["layer"]


NAMED = [
    case for case in golden_cases("bucketing") if re.fullmatch(r"\w+", case["salt"], re.ASCII)
]


@pytest.mark.parametrize("case", NAMED, ids=str)
def test_the_service_has_the_same_buckets(case: dict[str, Any]) -> None:
    def assigned(**config: Any) -> str | None:
        names = config.get("weights") or [f"T{n}" if n else "C" for n in range(config.pop("n", 2))]
        config["treatments"] = dict.fromkeys(names)
        found = Experiments({"E": ExperimentConfig(salt=case["salt"], **config)})
        return found.assign(case["user"]).get("E")

    for n in (2, 3, 4, 7):
        assert assigned(n=n) == (f"T{case[f'of_{n}']}" if case[f"of_{n}"] else "C")
    assert assigned(weights=case["weights"]) == case["treatment"]
    for points, more in (("participation", {}), ("layer", {"layer": case["salt"]})):
        point = case[points]
        assert (point == 0) or assigned(share=point, **more) is None
        assert assigned(share=point + 1, **more) is not None


@pytest.mark.parametrize("case", golden_cases("ids"), ids=str)
def test_ids(case: dict[str, Any]) -> None:
    assert user_digits(case["value"]) == case["digits"]


@pytest.mark.parametrize("case", golden_cases("owner_ids"), ids=ascii)
def test_owners_ids(case: dict[str, Any]) -> None:
    assert owner_id(case["value"]) == case["id"]


@pytest.mark.parametrize("case", golden_cases("item_lists"), ids=lambda case: ascii(case["line"]))
def test_item_lists(case: dict[str, Any]) -> None:
    parse: dict[str, Callable[[object], tuple[Any, ...]]] = {
        "users": lambda row: (parse_user_items(row)[0], *parse_user_items(row)[1]),
        "neighbours": lambda row: (parse_item_neighbours(row)[0], *parse_item_neighbours(row)[1]),
        "popular": parse_popular,
        "items": parse_item,
    }
    if case.get("error"):
        with pytest.raises(FormatError):
            parse[case["kind"]](parse_line(case["line"].encode()))
        return
    found = json.loads(json.dumps(parse[case["kind"]](parse_line(case["line"].encode()))))
    names = ("owner", "item", "items", "scores", "title", "fields")
    assert found == [case[name] for name in names if name in case]


@pytest.mark.parametrize("case", golden_cases("timestamps"), ids=str)
def test_timestamps(case: dict[str, Any]) -> None:
    expected = None if case["ms"] is None else (case["ms"], case["unit"])
    assert parse_timestamp(case["value"]) == expected


@pytest.mark.parametrize("case", golden_cases("units"), ids=str)
def test_units_of_a_run(case: dict[str, Any]) -> None:
    sizes = {int(code): (low, high) for code, (low, high) in case["sizes"].items()}
    assert list(units_of_run(sizes)) == case["units"]
    assert is_own_clock(sizes) == case["own_clock"]


@pytest.mark.parametrize("case", golden_cases("events"), ids=lambda case: str(case["line"]))
def test_events(case: dict[str, Any]) -> None:
    if "fault" not in case:
        assert parse_event(parse_line(case["line"].encode()))._asdict() == case["event"]
        return
    with pytest.raises(FormatError) as refusal:
        parse_event(parse_line(case["line"].encode()))
    if isinstance(refusal.value, EventError):  # else it is not JSON
        assert refusal.value.field == case["fault"]


@pytest.mark.parametrize("case", golden_cases("lists"), ids=lambda case: str(case["line"]))
def test_lists(case: dict[str, Any]) -> None:
    def parsed() -> Any:
        value = parse_line(case["line"].encode())
        if case["kind"] == "top":
            return None, parse_tracks(value)
        return (parse_recommendations if case["kind"] == "users" else parse_neighbours)(value)

    if case.get("error"):
        with pytest.raises(FormatError):
            parsed()
    else:
        assert parsed() == (case.get("owner"), tuple(case["tracks"]))


@pytest.mark.parametrize("case", golden_cases("users"), ids=lambda case: str(case["line"]))
def test_users(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(FormatError):
            parse_user(parse_line(case["line"].encode()))
    else:
        found = parse_user(parse_line(case["line"].encode()))._asdict()
        assert found | {"interests": list(found["interests"])} == case["user"]


def catalogs(kind: str) -> list[dict[str, Any]]:
    return [case for case in golden_cases("catalogs") if kind in case]


@pytest.mark.parametrize("parse", [parse_line, orjson.loads], ids=["reference", "fast"])
@pytest.mark.parametrize("case", catalogs("tracks"), ids=lambda case: str(case["lines"]))
def test_catalogs(case: dict[str, Any], parse: Any) -> None:
    found = read_catalog([line.encode() for line in case["lines"]], parse)
    shown = json.loads(json.dumps([track._asdict() for track in found]))
    assert shown == case["tracks"]
    assert artist_numbers(track.artist for track in found) == case["artist_numbers"]


@pytest.mark.parametrize("parse", [parse_line, orjson.loads], ids=["reference", "fast"])
@pytest.mark.parametrize("case", catalogs("error"), ids=lambda case: str(case["lines"]))
def test_catalogs_at_fault(case: dict[str, Any], parse: Any) -> None:
    with pytest.raises(CatalogError) as refusal:
        read_catalog([line.encode() for line in case["lines"]], parse)
    assert case["error"] in str(refusal.value)
    assert refusal.value.line == case["line"]


def test_a_hash_of_every_length_of_bytes() -> None:
    # Of the reference implementation's own test values (Appleby, smhasher).
    assert bucketing.murmur3_32(b"", 0) == 0
    assert bucketing.murmur3_32(b"", 1) == 0x514E28B7
    assert bucketing.murmur3_32(b"\xff" * 4, 0) == 0x76293B50
    assert bucketing.murmur3_32(b"!Ce\x87", 0) == 0xF55B516B
    assert bucketing.murmur3_32(b"!Ce", 0) == 0x7E4A8634
    assert bucketing.murmur3_32(b"!C", 0) == 0xA0F7B07A
    assert bucketing.murmur3_32(b"!", 0) == 0x72661CF4


def test_nan_in_a_line_is_read() -> None:
    assert math.isnan(parse_line(b'\xef\xbb\xbf{"a": NaN}')["a"])
