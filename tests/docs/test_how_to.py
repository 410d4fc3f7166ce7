"""How-to guides that add something: what the page says is done, and what it promises is seen."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from .sandbox import Sandbox, make_sandbox

pytestmark = pytest.mark.integration

SKIPPED_BELOW = 0.3
"""In the config of the page."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """With a small world in out/demo, and the list that every service needs."""
    sandbox = make_sandbox(tmp_path, small=True)
    demo = tmp_path / "out" / "demo"
    make = [sys.executable, "-m", "sim.cli", "world", "--users", "150", "--tracks", "1200"]
    subprocess.run([*make, "--out", demo / "world"], check=True, capture_output=True)
    (demo / "lists").mkdir()
    (demo / "lists" / "top_tracks.json").write_text(json.dumps(list(range(100))))
    return sandbox


def read_lines(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_a_recommender_in_one_python_file(sandbox: Sandbox, tmp_path: Path) -> None:
    printed = sandbox.run_page("how-to/add-a-recommender")
    assert "change_artist  music  change-artist 1.0  A track of the last track's artist" in printed
    assert "2 passed" in printed
    assert "change_artist (T1)" in printed
    assert "A/B" in printed  # a row of the ladder
    tracks = read_lines(tmp_path / "out" / "demo" / "world" / "tracks.json")
    artists = [track["artist"] for track in tracks]
    log = read_lines(*(tmp_path / "out" / "change_artist" / "log").glob("data.json*"))
    sessions = defaultdict(list)
    for line in sorted(log, key=lambda line: line["timestamp"]):
        sessions[line["session"]].append(line)
    changed = kept = 0
    for lines in sessions.values():
        skipped = set()
        for line in lines:
            artist = artists[line["track"]]
            if line["time"] < SKIPPED_BELOW:
                skipped.add(artist)
            if line["message"] == "last":
                continue
            treated = line["experiments"]["CHANGE_ARTIST"] == "T1"
            assert line["recommender"] in (
                ("change_artist", "random") if treated else ("sticky_artist", "random")
            )
            if line["recommender"] == "change_artist":
                offered = artists[line["recommendation"]]
                if line["time"] < SKIPPED_BELOW:
                    assert offered not in skipped
                    changed += 1
                else:
                    assert offered == artist
                    kept += 1
    assert changed > 100
    assert kept > 100
