"""The benchmark of the shop face: the data that it makes, and a short run of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.shop.freshness import Shop, fresh
from bench.shop.made_shop import EVENTS, NEIGHBOURS, made_shop

ROOT = Path(__file__).resolve().parents[2]


def test_a_made_shop_has_lists_events_and_neighbours_of_others(tmp_path: Path) -> None:
    shop = made_shop(tmp_path, 7, 30, seed=1)
    lines = (shop.directory / "neighbours.json").read_text().splitlines()
    near = [json.loads(line) for line in lines]
    assert [row["item"] for row in near] == list(range(30))
    assert all(len(set(row["items"])) == NEIGHBOURS for row in near)
    assert not any(row["item"] in row["items"] for row in near)
    assert len((shop.directory / "events.json").read_text().splitlines()) == 7 * EVENTS
    before = (shop.directory / "events.json").stat().st_mtime_ns
    made_shop(tmp_path, 7, 30, seed=1)
    assert (shop.directory / "events.json").stat().st_mtime_ns == before


class Late(Shop):
    """Uses an event at the second answer of its visitor, and at none of visitor 1."""

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}

    def put(self, user: int, item: int) -> None:
        self.item = item

    def recommended(self, user: int) -> set[int]:
        self.asked[user] = self.asked.get(user, 0) + 1
        return {self.item + 100} if self.asked[user] == 2 and user != 1 else {-1}


def test_an_event_that_is_used_late_or_never_is_told(tmp_path: Path) -> None:
    rows = ({"item": item, "items": [item + 100]} for item in range(3))
    (tmp_path / "neighbours.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = fresh(Late(), tmp_path, 0, 3)
    assert (found.at_once, found.never, len(found.ms)) == (0, 1, 2)


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_short_run_serves_every_request(tmp_path: Path) -> None:
    options = ["--runs", "1", "--seconds", "1", "--visitors", "40", "--items", "60", "--no-plain"]
    command = [sys.executable, "-m", "bench.shop.serving", *options, "--connections", "2"]
    done = subprocess.run(
        [*command, "--out", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "| botify | 60 of 60 | 0 |" in done.stdout
    assert "bytes of Valkey with 5 events" in done.stdout
