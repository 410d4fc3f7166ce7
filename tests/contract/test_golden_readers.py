"""The golden cases of `contract` for whole files, by the readers of every room."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from botify.catalog import unpack
from botify.errors import InputError as ServiceError
from botify.lists.item_reader import read_item_lists
from botify.lists.reader import ListKind, read_lists
from botify.store.items import unpack_items
from contract.golden import golden_cases
from contract.users import DEFAULTS
from offline.errors import InputError as OfflineError
from offline.logs.reader import open_logs
from offline.off_policy import policy_files
from sim.agents import lists as sim_lists
from sim.config import UserCatalogConfig
from sim.errors import InputError as SimError
from sim.world.files import load_users
from sim.world.model import Catalog, Users, World

N_TRACKS = 10
KINDS = {"users": ListKind.USERS, "neighbours": ListKind.NEIGHBOURS, "top": ListKind.TOP}
# A good line after the one of the case: what is refused is refused for itself.
BESIDE = {
    "users": '\n{"user": 99, "tracks": [0]}',
    "neighbours": '\n{"track": 9, "recommendations": [0]}',
}


def cases(*kinds: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{case['kind']}: {case['line']}")
        for case in golden_cases("lists")
        if case["kind"] in kinds
    ]


def file_of(case: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "lists.json"
    path.write_text(case["line"] + BESIDE.get(case.get("kind", ""), ""), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", cases("users", "neighbours", "top"))
def test_lists_as_the_service_reads_them(case: dict[str, Any], tmp_path: Path) -> None:
    path = file_of(case, tmp_path)
    if case.get("error"):
        with pytest.raises(ServiceError):
            list(read_lists(path, KINDS[case["kind"]], N_TRACKS))
        return
    found = list(read_lists(path, KINDS[case["kind"]], N_TRACKS))
    expected = [(str(case.get("owner", "")), case["tracks"])] if case["tracks"] else []
    expected += {"users": [("99", [0])], "neighbours": [("9", [0])]}.get(case["kind"], [])
    assert [(key, list(unpack(packed))) for key, packed in found] == expected


ITEM_KINDS = {
    "users": ListKind.USER_ITEMS,
    "neighbours": ListKind.ITEM_NEIGHBOURS,
    "popular": ListKind.POPULAR_ITEMS,
    "items": ListKind.ITEMS,
}


@pytest.mark.parametrize("case", golden_cases("item_lists"), ids=lambda case: ascii(case["line"]))
def test_item_lists_as_the_service_reads_them(case: dict[str, Any], tmp_path: Path) -> None:
    path, kind = tmp_path / "lists.json", ITEM_KINDS[case["kind"]]
    path.write_text(case["line"], encoding="utf-8", errors="surrogatepass")
    if case.get("error"):
        with pytest.raises(ServiceError, match=re.escape(str(path))):
            list(read_item_lists(path, kind))
        return
    found = list(read_item_lists(path, kind))
    if kind is ListKind.ITEMS:
        ((item, text),) = found
        shown = json.loads(text)
        fields = {key: shown[key] for key in shown.keys() - {"item", "title"}}
        assert (item, shown["item"], shown.get("title") or "") == (
            case["item"],
            case["item"],
            case["title"],
        )
        assert fields == case["fields"]
        return
    owner = case.get("owner", "")
    scores = case["scores"] or [None] * len(case["items"])
    expected = [(owner, (case["items"], scores))] if case["items"] else []
    assert [(owner, unpack_items(packed)) for owner, packed in found] == expected


@pytest.mark.parametrize("case", cases("users", "top"))
def test_lists_as_offline_reads_them(case: dict[str, Any], tmp_path: Path) -> None:
    path = file_of(case, tmp_path)
    is_top = case["kind"] == "top"
    read = policy_files.read_top_tracks if is_top else policy_files.read_lists
    if case.get("error"):
        with pytest.raises(OfflineError):
            read(path)
        return
    lists = {case.get("owner"): case["tracks"], "99": [0]}
    assert read(path) == (case["tracks"] if is_top else lists)


def world(users: Sequence[int]) -> World:
    n = len(users)
    return World(
        Catalog(["t"] * N_TRACKS, ["a"], np.zeros(N_TRACKS, np.int32)),
        np.eye(N_TRACKS, dtype=np.float32),
        Users(
            ids=np.array(users),
            bounds=np.arange(n + 1),
            interests=np.zeros(n, np.int64),
            consume_bias=np.ones(n),
            consume_sharpness=np.ones(n),
            interest_neighbours=np.full(n, 2),
            session_budget=np.full(n, 5),
            artist_discount_gamma=np.ones(n),
        ),
    )


@pytest.mark.parametrize("case", cases("users", "neighbours", "top"))
def test_lists_as_the_simulator_reads_them(case: dict[str, Any], tmp_path: Path) -> None:
    path = file_of(case, tmp_path)
    played = world([0, 1, 3, 7, 12, 99])
    read = {
        "users": sim_lists.read_recommendations,
        "neighbours": sim_lists.read_neighbours,
        "top": sim_lists.read_top_tracks,
    }[case["kind"]]
    if case.get("error"):
        with pytest.raises(SimError):
            read(path, played)
        return
    found = read(path, played)
    if case["kind"] != "top":
        rows = played.users.ids.tolist() if case["kind"] == "users" else list(range(N_TRACKS))
        found = found[rows.index(int(case["owner"]))]
    tracks = found.tolist()
    assert [track for track in tracks if track >= 0] == case["tracks"]


@pytest.mark.parametrize("case", golden_cases("users"), ids=lambda case: str(case["line"]))
def test_users_as_the_simulator_reads_them(case: dict[str, Any], tmp_path: Path) -> None:
    path = file_of(case, tmp_path)
    defaults = UserCatalogConfig(user_catalog_path=path)
    if case.get("error"):
        with pytest.raises(SimError):
            load_users(path, defaults)
        return
    found, expected = load_users(path, defaults), case["user"]
    assert found.ids.tolist() == [expected["user"]]
    assert found.interests.tolist() == expected["interests"]
    for trait, default in DEFAULTS.items():
        wanted = default if expected[trait] is None else expected[trait]
        assert getattr(found, trait).tolist() == [wanted], trait


def test_events_as_sql_reads_them(tmp_path: Path) -> None:
    found = golden_cases("events")
    (tmp_path / "data.json").write_text("\n".join(case["line"] for case in found) + "\n")
    names = "message, timestamp, user_id, track, time, latency, recommendation, experiments"
    with open_logs([tmp_path / "data.json"]) as log:
        rows = log.engine.rows(f"SELECT fault, {names} FROM lines ORDER BY rowid")
    assert len(rows) == len(found)
    for (fault, *values), case in zip(rows, found, strict=True):
        assert fault == case.get("fault"), case["line"]
        if fault is None:
            values[-1] = json.loads(values[-1])
            assert values == list(case["event"].values()), case["line"]
