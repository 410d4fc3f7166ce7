"""The layout of a publication of factors: golden records, manifests, which version is active."""

import json
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from botify.factors.snapshot import unpack
from contract.errors import FormatError
from contract.factor_stores import parse_store
from contract.factors import (
    Active,
    Blob,
    Manifest,
    Popular,
    activated,
    active_object,
    decode_manifest,
    encode_manifest,
    in_use,
    manifest_object,
    pack_user,
    parse_active,
    parse_manifest,
    unpack_user,
)
from contract.golden import golden_cases
from contract.schema import json_schema
from offline.factors.packing import Rankings, pack_users

CASES = golden_cases("factors")
GOOD = [case for case in CASES if "error" not in case]


def about(case: dict[str, Any]) -> str:
    return str(case["about"])


@pytest.mark.parametrize("case", CASES, ids=about)
def test_records(case: dict[str, Any]) -> None:
    packed, sizes = bytes.fromhex(case["hex"]), (case["dimension"], case["items"])
    if "error" in case:
        with pytest.raises(FormatError, match=case["error"]):
            unpack_user(packed, *sizes)
        return
    record = unpack_user(packed, *sizes)
    assert json.loads(json.dumps(record._asdict())) == {key: case[key] for key in record._fields}
    assert pack_user(record, case["items"]) == packed


@pytest.mark.parametrize("case", GOOD, ids=about)
def test_the_service_reads_the_same(case: dict[str, Any]) -> None:
    found = unpack(bytes.fromhex(case["hex"]), case["dimension"], case["items"])
    assert found.vector.dtype == np.float32
    for key in ("vector", "rated", "ranking", "scores"):
        assert getattr(found, key).tolist() == case[key]
    assert (None if found.ratings is None else found.ratings.tolist()) == case["ratings"]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.get("error") == "another length"], ids=about
)
def test_the_service_refuses_what_was_cut_off(case: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        unpack(bytes.fromhex(case["hex"]), case["dimension"], case["items"])


@pytest.mark.parametrize("case", GOOD, ids=about)
def test_offline_writes_the_same(case: dict[str, Any]) -> None:
    rated, ranking = case["rated"], case["ranking"]
    padded = Rankings(np.array([[*ranking, -1]]), np.array([[*case["scores"], 0]], np.float32))
    (packed,) = pack_users(
        np.array([case["vector"]], np.float16),
        np.array([0, len(rated)]),
        np.array(rated, np.int32),
        None if case["ratings"] is None else np.array(case["ratings"], np.float16),
        padded if ranking else None,
        case["items"],
    )
    assert packed.hex() == case["hex"]


def manifest(**changes: Any) -> Manifest:
    blob = Blob("vectors-0", 8, "none", "ab" * 32)
    popular = Popular((1, 0), (4.5, 3.0))
    made = Manifest("0123456789abcdef", "svd", (0.5, 5.0), 2, 3, 2, 0, popular, (blob,))
    return made._replace(**changes)


@pytest.mark.parametrize("changes", [{}, {"scale": None}, {"users": 0, "blobs": ()}], ids=str)
def test_a_manifest(changes: dict[str, Any]) -> None:
    content = encode_manifest(manifest(**changes))
    assert decode_manifest(content) == manifest(**changes)
    with pytest.raises(FormatError, match="damaged"):
        decode_manifest(content.replace(b"svd", b"svd2"))
    value = json.loads(content)
    Draft202012Validator(json_schema("factors")).validate(value)
    assert parse_manifest(value) == manifest(**changes)
    assert parse_manifest(value | {"another": 1}) == manifest(**changes)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("form", 2, "this program reads form 1"),
        ("dtype", "float32", "float16"),
        ("version", "v1", "16 hexadecimal digits"),
        ("scale", [5, 0.5], "least and the largest"),
        ("dimension", 0, "from 1"),
        ("items", None, "`items` must be an integer"),
        ("popular", {"items": [2], "scores": [1]}, "none of 2"),
        ("popular", {"items": [1], "scores": []}, "list of 1 numbers"),
        ("blobs", [{"name": "../x"}], "name"),
        ("blobs", None, "`blobs` must be a list"),
    ],
)
def test_a_manifest_that_is_refused(key: str, value: object, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        parse_manifest(json.loads(json.dumps(manifest_object(manifest()) | {key: value})))


def version(digit: int) -> str:
    return f"{digit}" * 16


def test_what_is_active() -> None:
    now = activated(None, version(1), 1000)
    assert now == Active(version(1), 1000)
    assert activated(now, version(1), 2000) == now
    now = activated(activated(now, version(2), 2000), version(3), 3000)
    assert now == Active(version(3), 3000, ((version(2), 2000), (version(1), 1000)))
    back = activated(now, version(2), 4000)
    assert back == Active(version(2), 4000, ((version(3), 3000), (version(1), 1000)))
    value = json.loads(json.dumps(active_object(back)))
    Draft202012Validator(json_schema("factors_active")).validate(value)
    assert parse_active(value) == back
    with pytest.raises(FormatError):
        parse_active(value | {"version": "latest"})


@pytest.mark.parametrize(
    ("keep", "now", "grace", "kept"),
    [
        (1, 9000, 0, "3"),
        (2, 9000, 0, "32"),
        (3, 9000, 0, "321"),
        (1, 3400, 500, "32"),  # 2 was replaced 400 ms ago
        (1, 3500, 500, "3"),
        (1, 3400, 1500, "321"),  # 1 was replaced 1,400 ms ago
    ],
)
def test_versions_in_use(keep: int, now: int, grace: int, kept: str) -> None:
    active = Active(version(3), 3000, ((version(2), 2000), (version(1), 1000)))
    assert in_use(active, keep, now, grace) == {digit * 16 for digit in kept}
    assert in_use(None, keep, now, grace) == set()


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("file:out/factors", ("file", "out/factors", "factors", "file:out/factors")),
        ("file:///srv/factors", ("file", "/srv/factors", "factors", "file:/srv/factors")),
        ("redis://h:6379/0", ("redis", "redis://h:6379/0", "factors", "redis://h:6379/0")),
        (
            "redis://u:secret@h/0#films",
            ("redis", "redis://u:secret@h/0", "films", "redis://h/0#films"),
        ),
        ("unix:///run/r.sock", ("redis", "unix:///run/r.sock", "factors", "unix:///run/r.sock")),
        (
            "mongodb://u:p%40@h:27018/lab?tls=true",
            (
                "mongodb",
                "mongodb://u:p%40@h:27018/lab?tls=true",
                "factors",
                "mongodb://h:27018/lab",
            ),
        ),
        ("postgres://u@h/db", ("postgresql", "postgres://u@h/db", "factors", "postgres://h/db")),
    ],
)
def test_urls_of_stores(url: str, parts: tuple[str, ...]) -> None:
    assert tuple(parse_store(url)) == parts


@pytest.mark.parametrize(
    "url",
    ["", "out/factors", "mysql://h", "file:", "redis:h", "redis://:secret@h#No", "redis://h#1a"],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(FormatError) as refusal:
        parse_store(url)
    assert "secret" not in str(refusal.value)
