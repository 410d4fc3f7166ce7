"""`botify-offline evaluate` by the protocols of shop data, and imports that keep every event."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.data.interactions import Interactions
from offline.importing.check import check_dataset
from offline.importing.formats.retailrocket import RetailRocket
from offline.importing.formats.sessions import Sessions

DATA = Path(os.environ.get("BOTIFY_DATA", Path(__file__).parents[4] / "shared" / "data"))


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The true form of the full files: ms, and a transactionid that is mostly empty."""
    rng = np.random.default_rng(3)
    lines = ["timestamp,visitorid,event,itemid,transactionid"]
    time = 1_433_221_332_117
    for session in range(300):
        visitor, camp = int(rng.integers(60)), session % 2
        for item in (20 * camp + rng.choice(20, 4, replace=False)).tolist():
            time += int(rng.integers(1, 90_000))
            lines.append(f"{time},{visitor},view,{item},")
        lines.append(f"{time + 5},{visitor},addtocart,{item},")
        lines.append(f"{time + 9},{visitor},transaction,{item},{session}")
        time += 4_000_000
    directory = tmp_path / "retailrocket"
    directory.mkdir()
    (directory / "events.csv").write_text("\n".join(lines) + "\n")
    (directory / "category_tree.csv").write_text("categoryid,parentid\n1016,213\n809,\n")
    return directory


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Sessions over two camps of items, and prefixes of others."""
    rng = np.random.default_rng(4)
    directory = tmp_path / "sessions"
    directory.mkdir()
    draws = [(20 * (n % 2) + rng.choice(20, 5)).tolist() for n in range(200)]
    train = "\n".join(" ".join(map(str, draw)) for draw in draws[:170])
    test = [
        f"{' '.join(map(str, draw[:k]))}\t{draw[k]}" for draw in draws[170:] for k in (4, 3, 2, 1)
    ]
    for name, text in (("train.txt.gz", train), ("test.txt.gz", "\n".join(test))):
        (directory / name).write_bytes(gzip.compress(text.encode() + b"\n"))
    return directory


def test_the_form_of_the_full_files_is_read_with_every_event(shop: Path, tmp_path: Path) -> None:
    check_dataset(RetailRocket, shop)
    done = run("import", shop, "--out", tmp_path / "data")
    assert done.exit_code == 0, done.output
    data = Interactions.load(tmp_path / "data")
    events = data.events()
    assert len(events) == 1800 > len(data.user)
    assert sorted(events.kinds) == ["addtocart", "transaction", "view"]
    assert (np.diff(events.timestamp)[np.diff(events.user) == 0] >= 0).all()
    rows = pq.read_table(tmp_path / "data" / "events.parquet")
    assert rows.column_names == ["user", "item", "kind", "timestamp"]


def test_time_cut_of_a_data_set_and_of_an_import(shop: Path, tmp_path: Path) -> None:
    words = ("--protocol", "time-cut", "--json")
    done = run("evaluate", shop, "--format", "retailrocket", *words)
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert {row["model"] for row in facts["rows"]} == {"popular", "covisit", "blend"}
    assert (
        facts["targets"]
        == facts["repeated_targets"] + facts["new_targets"] + facts["targets_of_cold_visitors"]
    )
    run("import", shop, "--out", tmp_path / "data")
    again = json.loads(run("evaluate", tmp_path / "data", *words).stdout)
    assert again["rows"] == facts["rows"]


def test_any_model_stands_beside_the_references(shop: Path) -> None:
    words = ("evaluate", shop, "--format", "retailrocket", "--protocol", "time-cut")
    done = run(*words, "--model", "item-knn", "--targets", "view", "--cut", 0.7)
    assert done.exit_code == 0, done.output
    for name in ("popular", "covisit", "item-knn"):
        assert f"\n{name} " in done.output
    done = run(*words, "--model", "covisit", "--set", "second=1", "--part", "validation")
    assert "covisit (as set)" in done.output
    assert done.output.startswith("validation part")


def test_next_item_of_sessions_and_of_events(sessions: Path, shop: Path) -> None:
    check_dataset(Sessions, sessions)
    words = ("--protocol", "next-item", "--json")
    facts = json.loads(run("evaluate", sessions, "--format", "sessions", *words).stdout)
    assert (facts["prefixes"], facts["sessions"]) == (120, 30)
    rows = {(row["model"], row["segment"]): row for row in facts["rows"]}
    assert rows["blend", "repeated"]["recall@20"] == 1
    # 20 of a camp of 20, less the session's own
    assert rows["covisit", "new"]["recall@20"] > 0.95 > 0.6 > rows["popular", "new"]["recall@20"]
    timed = json.loads(run("evaluate", shop, "--format", "retailrocket", *words).stdout)
    assert timed["told"][0].endswith("prefixes of sessions that began from then on")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--protocol", "time-cut", "--split", "time"], "--split does not go with"),
        (["--targets", "view"], "--targets goes with --protocol time-cut or next-item"),
        (["--protocol", "next-item", "--targets", "view"], "--targets goes with time-cut"),
        (["--protocol", "time-cut", "--targets", "click"], "no event is of kind 'click'"),
        (["--protocol", "next-item", "--model", "bpr"], "ranks only for users"),
        (["--protocol", "time-cut", "--cut", "1.5"], "1.5"),
    ],
)
def test_nonsense_is_refused(words: list[str], complaint: str, shop: Path) -> None:
    done = run("evaluate", shop, "--format", "retailrocket", *words)
    assert done.exit_code == 2
    assert complaint in done.output


def test_data_without_times_has_no_cut(tmp_path: Path) -> None:
    rows = [f"u{n % 7},i{n % 60}" for n in range(200)]
    (tmp_path / "plain.csv").write_text("\n".join(["user,item", *rows]))
    run("import", tmp_path / "plain.csv", "--out", tmp_path / "data")
    done = run("evaluate", tmp_path / "data", "--protocol", "time-cut")
    assert (done.exit_code, "not every interaction has a time" in done.output) == (2, True)


@pytest.mark.parametrize("text", ["1 2 x\n", "1 -2\n", ""])
def test_bad_sessions_are_named(text: str, sessions: Path) -> None:
    (sessions / "train.txt.gz").write_bytes(gzip.compress(text.encode()))
    done = run("evaluate", sessions, "--format", "sessions", "--protocol", "next-item")
    assert (done.exit_code, "train.txt.gz" in done.output) == (2, True)


@pytest.mark.nightly
@pytest.mark.skipif(not (DATA / "retailrocket-2k").is_dir(), reason="no retailrocket-2k")
def test_real_events_are_found_better_than_by_popularity() -> None:
    place = DATA / "retailrocket-2k"
    words = ("--format", "retailrocket", "--protocol", "time-cut", "--part", "validation")
    facts = json.loads(run("evaluate", place, *words, "--json").stdout)
    new = {row["model"]: row["recall@20"] for row in facts["rows"] if row["segment"] == "new"}
    assert new["blend"] > new["covisit"] > new["popular"]
