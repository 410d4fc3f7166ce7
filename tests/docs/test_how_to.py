"""How-to guides that add something: what the page says is done, and what it promises is seen."""

import json
import re
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
    assert re.search("^change_artist +music +change-artist 1.0 +A track of the", printed, re.M)
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


def test_an_agent_in_one_python_file(sandbox: Sandbox, tmp_path: Path) -> None:
    printed = sandbox.run_page("how-to/add-an-agent")
    assert "1 passed" in printed
    assert "\naway_after_skip: " in printed
    ladder = printed.split("session time")[1]
    assert "\naway_after_skip " in ladder
    assert "\nStickyArtist " in ladder
    tracks = read_lines(tmp_path / "out" / "demo" / "world" / "tracks.json")
    artists = [track["artist"] for track in tracks]
    log = read_lines(tmp_path / "out" / "away_after_skip" / "log" / "data.json")
    answers = [line for line in log if line["recommender"] == "away_after_skip"]
    for line in answers:
        same = artists[line["recommendation"]] == artists[line["track"]]
        assert same == (line["time"] >= 0.4)
    assert len(answers) > 1000


def test_a_recommender_by_config(sandbox: Sandbox, tmp_path: Path) -> None:
    demo = tmp_path / "out" / "demo"
    tracks = [line["track"] for line in read_lines(demo / "world" / "tracks.json")]
    users = [line["user"] for line in read_lines(demo / "world" / "users.json")]
    near = {track: [(track + step) % len(tracks) for step in (1, 2)] for track in tracks[::2]}
    mine = {user: [(user + 7 * place) % len(tracks) for place in range(4)] for user in users}
    for name, key, value, lists in (
        ("neighbours", "track", "recommendations", near),
        ("recommendations", "user", "tracks", mine),
    ):
        lines = [json.dumps({key: owner, value: some}) for owner, some in lists.items()]
        (demo / "lists" / f"{name}.json").write_text("\n".join(lines))
    printed = sandbox.run_page("how-to/recommender-by-config")
    assert "\nmine " in printed  # a row of the ladder
    assert "dae" not in printed.split("session time")[1].split("\n\n")[0]  # DAE is the same
    answers = [
        line
        for line in read_lines(*(tmp_path / "out" / "mine" / "log").glob("data.json*"))
        if line["message"] == "next" and line["experiments"] == {"MINE": "T1"}
    ]
    assert {line["recommender"] for line in answers} == {"mine", "random"}
    liked = skipped = 0
    for line in answers:
        if line["recommender"] == "mine":
            offered = near.get(line["track"], []), mine[line["user"]]
            if line["time"] < 0.5:
                assert line["recommendation"] in offered[1]
                skipped += 1
            else:
                assert line["recommendation"] in offered[0] + offered[1]
                liked += line["recommendation"] in offered[0]
    assert skipped > 20
    assert liked > 20
