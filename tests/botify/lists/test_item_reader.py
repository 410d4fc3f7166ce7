"""Files with owners' ids: what is refused is refused by its place, and nothing of it is served."""

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.errors import InputError
from botify.lists.item_reader import read_item_lists
from botify.lists.loader import LoadedList, load_list
from botify.lists.reader import ListKind
from botify.store.keys import MUSIC_KEYS, SHOP_KEYS

FILES = {
    "items": ListKind.ITEMS,
    "popular": ListKind.POPULAR_ITEMS,
    "for_you": ListKind.USER_ITEMS,
    "near": ListKind.ITEM_NEIGHBOURS,
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def load(client: "redis.Redis", path: Path, name: str, **more: Any) -> LoadedList:
    return load_list(client, name, ListFile(file=path), FILES[name], 0, keys=SHOP_KEYS, **more)


@pytest.fixture
def items(client: "redis.Redis", tmp_path: Path) -> Path:
    path = write(tmp_path / "items.json", *({"item": item} for item in "abc"), {"item": 7})
    assert load(client, path, "items").size == 4
    return path


@pytest.mark.usefixtures("items")
def test_a_list_in_service(client: "redis.Redis", tmp_path: Path) -> None:
    loaded = load(client, write(tmp_path / "x", {"user": "u", "items": ["a", 7]}), "for_you")
    assert (loaded.size, loaded.replaced) == (1, None)
    assert client.hget(f"{SHOP_KEYS.lists}:for_you:{loaded.version}", "u") == b"a\n7\n\0"
    assert client.exists(MUSIC_KEYS.lists) == 0


@pytest.mark.usefixtures("items")
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("for_you", [{"user": "u", "items": ["a"]}, {"user": "v", "items": ["a", "x"]}]),
        ("near", [{"item": "a", "items": ["b"]}, {"item": "x", "items": ["b"]}]),
        ("near", [{"item": "a", "items": ["b"]}, {"item": "b", "items": ["x"]}]),
    ],
)
def test_items_that_are_not_there(
    client: "redis.Redis", tmp_path: Path, name: str, rows: list[Any]
) -> None:
    path = write(tmp_path / "lists.json", *rows)
    with pytest.raises(InputError, match=f"^{path}:2: item 'x' is not among the items in service"):
        load(client, path, name)
    assert client.keys(f"{SHOP_KEYS.lists}:{name}:*") == []
    assert client.hget(SHOP_KEYS.lists, name) is None


@pytest.mark.usefixtures("items")
def test_popular_items_that_are_not_there(client: "redis.Redis", tmp_path: Path) -> None:
    path = tmp_path / "popular.json"
    path.write_text(json.dumps({"items": ["a", "x"]}, indent=1))
    with pytest.raises(InputError, match=f"^{path}: item 'x' is not among the items in service"):
        load(client, path, "popular")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("items", {"item": "7"}),
        ("for_you", {"user": "7", "items": ["a"]}),
        ("near", {"item": "7", "items": ["a"]}),
    ],
)
def test_an_owner_that_comes_twice(
    client: "redis.Redis", items: Path, tmp_path: Path, name: str, row: dict[str, Any]
) -> None:
    again = {key: 7 if value == "7" else value for key, value in row.items()}
    path = write(tmp_path / "lists.json", row, again)
    with pytest.raises(InputError, match=f"^{path}:2: .* '7' is there twice, first in line 1"):
        load(client, path, name)


def test_a_file_that_was_cut_off(tmp_path: Path) -> None:
    path = write(tmp_path / "lists.json", {"lists": 2, "user": "u", "items": ["a"]})
    with pytest.raises(InputError, match="ends after 1 of 2 lists"):
        list(read_item_lists(path, ListKind.USER_ITEMS))


@pytest.mark.parametrize(("length", "refused"), [(1, True), (2, False), (3, True)])
def test_the_length_of_users_lists(tmp_path: Path, length: int, refused: bool) -> None:
    path = write(tmp_path / "lists.json", {"user": "u", "items": ["a", "b"]})
    if refused:
        with pytest.raises(InputError, match=f"{path}:1: .*must have {length}"):
            list(read_item_lists(path, ListKind.USER_ITEMS, length))
    else:
        assert len(list(read_item_lists(path, ListKind.USER_ITEMS, length))) == 1


def test_half_of_the_items_is_refused(client: "redis.Redis", items: Path, tmp_path: Path) -> None:
    half = write(tmp_path / "half.json", {"item": "a"})
    with pytest.raises(InputError, match="only 1 of the 4 items in service"):
        load(client, half, "items", min_kept=0.5)


@pytest.mark.parametrize("scores", [[1e308, 1e308], [1, 2.5], [-0.0, 5e-324]])
def test_scores_are_kept_exactly(tmp_path: Path, scores: list[float]) -> None:
    from botify.store.items import unpack_items

    path = write(tmp_path / "x.json", {"user": "u", "items": ["a", "b"], "scores": scores})
    ((_, packed),) = read_item_lists(path, ListKind.USER_ITEMS)
    assert unpack_items(packed) == (["a", "b"], scores)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("available", "no", "`available` must be true or false, not 'no'"),
        ("available", "", "`available` must be true or false, not ''"),
        ("hidden", 2, "`hidden` must be true or false, not 2"),
        ("hidden", [True], "`hidden` must be true or false"),
        ("price", "12.50", "`price` must be a number, not '12.50'"),
        ("price", True, "`price` must be a number, not True"),
    ],
)
def test_a_field_that_would_have_no_effect_is_refused_by_its_line(
    client: "redis.Redis", tmp_path: Path, field: str, value: Any, message: str
) -> None:
    path = write(tmp_path / "items.json", {"item": "a"}, {"item": "b", field: value})
    with pytest.raises(InputError) as refused:
        load(client, path, "items")
    assert f"{path}:2: {message}" in str(refused.value)


def test_fields_that_have_their_form(client: "redis.Redis", tmp_path: Path) -> None:
    rows = (
        {"item": "a", "available": False, "hidden": None, "price": 12.5},
        {"item": "b", "available": 1, "hidden": 0, "price": 0},
        {"item": "c", "colour": "red", "price": None},
    )
    assert load(client, write(tmp_path / "items.json", *rows), "items").size == 3
