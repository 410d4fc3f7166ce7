"""The whole loop through the script that `make demo` runs, on a small world."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

SMALL = ("--users", "150", "--tracks", "1200", "--collect", "6000", "--episodes", "400")


def demo(out: Path, seed: int) -> str:
    words = [sys.executable, "-m", "pipeline.demo", "--out", out, "--seed", seed, *SMALL]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def table(out: Path) -> list[dict[str, Any]]:
    """The effect table without the request times, which no seed decides."""
    rows: list[dict[str, Any]] = json.loads((out / "effects.json").read_text())["effects"]
    return [row for row in rows if row["metric"] != "mean_request_time"]


def plays(out: Path) -> list[tuple[Any, ...]]:
    """What was played and answered, user by user in time order."""
    lines = [
        json.loads(line)
        for path in (out / "log").glob("data.json*")
        for line in path.read_text().splitlines()
    ]
    lines.sort(key=lambda line: (line["user"], line["timestamp"]))
    names = ("user", "message", "track", "time", "recommendation", "experiments", "recommender")
    return [tuple(str(line[name]) for name in names) for line in lines]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run's directory, and its output."""
    out = tmp_path_factory.mktemp("demo") / "one"
    return out, demo(out, seed=5)


def test_the_demo_ends_with_a_verdict_and_a_report(one: tuple[Path, str]) -> None:
    out, said = one
    assert re.search(r"(Ship DAE \(T1\): it|Not yet: DAE \(T1\)) beats CONTEXTUAL \(C\)", said)
    assert "mean_session_time" in said
    assert f"report: {out / 'report.html'}" in said
    report = (out / "report.html").read_text()
    assert all(name in report for name in ("DAE_VS_CONTEXTUAL", "DAE (T1)", "CONTEXTUAL (C)"))
    assert len(table(out)) == 3


@pytest.mark.nightly
def test_one_seed_one_world_one_run_one_table(one: tuple[Path, str], tmp_path: Path) -> None:
    first, two = one[0], tmp_path / "two"
    demo(two, seed=5)
    for file in ("tracks.json", "tracks.npy", "users.json"):
        assert (first / "world" / file).read_bytes() == (two / "world" / file).read_bytes()
    for file in ("recommendations.json", "neighbours.json", "top_tracks.json"):
        assert (first / "lists" / file).read_bytes() == (two / "lists" / file).read_bytes()
    assert plays(first) == plays(two)
    assert table(first) == table(two)
