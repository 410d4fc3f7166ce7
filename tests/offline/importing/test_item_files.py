"""What public data sets say of items beside the interactions: properties, categories, ids."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.data.interactions import Interactions

LAST = 1_433_221_399_000
PROPERTIES = """timestamp,itemid,property,value
1433000000000,0,categoryid,110
1433100000000,0,categoryid,12
1433000000000,0,available,1
1433221399001,0,available,0
1433000000000,1,available,0
1433000000000,1,790,n12.000
1433900000000,2,categoryid,1
"""
MORE = """timestamp,itemid,property,value
1433050000000,0,categoryid,1
1433000000000,3,categoryid,777
1433000000000,3,888,"555 ""x"", 666"
what,3,available,1
"""
TREE = "categoryid,parentid\n1,\n12,1\n110,12\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Events of 8 visitors and 60 items; four items have properties."""
    directory = tmp_path / "shop"
    directory.mkdir()
    rows = [f"{LAST - u - 9 * i},{u},view,{i}," for u in range(8) for i in range(u, 60)]
    header = "timestamp,visitorid,event,itemid,transactionid"
    (directory / "events.csv").write_text("\n".join([header, *rows]))
    (directory / "item_properties_part1.csv").write_text(PROPERTIES)
    (directory / "item_properties_part2.csv").write_text(MORE)
    (directory / "category_tree.csv").write_text(TREE)
    return directory


def run(source: Path, *options: str) -> Result:
    out = source.with_name("data")
    return CliRunner().invoke(main, ["import", str(source), "--out", str(out), *options])


def fields_of(source: Path) -> dict[int, dict[str, Any]]:
    rows = pq.read_table(source.with_name("data") / "items.parquet").to_pylist()
    return {row.pop("id"): row for row in rows}


def test_an_item_has_its_latest_category_and_availability_up_to_the_last_event(
    shop: Path,
) -> None:
    done = run(shop)
    assert done.exit_code == 0, done.output
    items = fields_of(shop)
    known = {"title": None, "category": "12", "category_path": "1/12", "available": 1}
    assert items[0] == known
    assert items[1] == {**dict.fromkeys(known), "available": 0}
    assert items[2] == dict.fromkeys(known)
    assert items[3] == {**dict.fromkeys(known), "category": "777", "category_path": "777"}
    assert len(items) == 60
    for told in (
        "the latest up to the last event",
        "names are hashes, are left out",
        "1 rows of item properties cannot be read",
        "1 items have properties only after the last event",
        "1 categories of items are not in the category tree",
    ):
        assert told in done.output


def test_hashed_properties_are_kept_if_asked_for(shop: Path) -> None:
    assert run(shop, "--all-properties").exit_code == 0
    items = fields_of(shop)
    assert json.loads(items[1]["properties"]) == {"790": "n12.000"}
    assert json.loads(items[3]["properties"]) == {"888": '555 "x", 666'}
    assert items[0]["category"] == "12"


def test_times_of_events_in_seconds_are_the_same_times(shop: Path) -> None:
    path = shop / "events.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(row[:10] + row[13:] for row in rows)]))
    done = run(shop)
    assert done.exit_code == 0, done.output
    assert fields_of(shop)[0]["category"] == "12"


def test_a_tree_without_properties_is_told(shop: Path) -> None:
    for path in shop.glob("item_properties*"):
        path.unlink()
    assert "category_tree.csv is not used" in run(shop).output


def test_a_circle_of_categories_is_told(shop: Path) -> None:
    (shop / "category_tree.csv").write_text("categoryid,parentid\n1,12\n12,1\n777,\n")
    done = run(shop)
    assert "1 categories are below themselves" in done.output
    assert fields_of(shop)[0]["category_path"] == "1/12"


def test_other_formats_have_no_such_properties(tmp_path: Path) -> None:
    path = tmp_path / "likes.csv"
    path.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in range(3) for i in range(60)))
    done = run(path, "--all-properties")
    assert (done.exit_code, "--all-properties: csv has none" in done.output) == (2, True)


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """LightGCN's files of 4 users and 60 items, with the original ids."""
    directory = tmp_path / "lists"
    directory.mkdir()
    for part, shift in (("train", 0), ("test", 1)):
        rows = [" ".join(map(str, [u, *range(2 * u + shift, 60, 2)])) for u in range(4)]
        (directory / f"{part}.txt").write_text("\n".join(rows))
    users = "".join(f"{u + 100} {u}\n" for u in range(4))
    (directory / "user_list.txt").write_text(f"org_id remap_id\n{users}")
    items = "".join(f"B00{i}X {i} m.0{i}\n" for i in range(60))
    (directory / "item_list.txt").write_text(f"org_id remap_id freebase_id\n{items}")
    return directory


def test_original_ids_of_a_published_split(lists: Path) -> None:
    done = run(lists)
    assert done.exit_code == 0, done.output
    assert "ids of items are the original ones of item_list.txt" in done.output
    data = Interactions.load(lists.with_name("data"))
    assert list(data.users) == [100, 101, 102, 103]
    assert set(data.items) == {f"B00{i}X" for i in range(60)}
    assert len(data.user) == sum(60 - 2 * u for u in range(4))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("user_list.txt", "org_id remap_id\n100 0\n", "user 1 is not in user_list.txt"),
        ("user_list.txt", "org_id remap_id\n100 0\n101 0\n", ":3: number 0 is there twice"),
        ("user_list.txt", "org_id remap_id\n1 0\n1 1\n", "an original id has several numbers"),
        ("item_list.txt", "org_id remap_id\nB0\n", ":2: 'B0' is not `org_id remap_id`"),
        ("item_list.txt", "0 B0\n", "must begin with `org_id remap_id`"),
    ],
)
def test_a_bad_list_of_ids_is_named(lists: Path, name: str, text: str, said: str) -> None:
    (lists / name).write_text(text)
    done = run(lists)
    assert done.exit_code == 2
    assert said in done.output
