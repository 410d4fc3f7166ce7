"""A small generated shop through the script that `make shop` runs, and what its verdict says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.shop import compared

TOLD = {
    "treatments": {
        "C": {"expected_carts": 0.4, "popular": 0.4},
        "T1": {"expected_carts": 0.75, "popular": 0.5},
    },
    "truth": {"popular": 0.5, "oracle": 1.0},
}


@pytest.mark.parametrize(
    ("interval", "inside"), [([30.0, 80.0], " inside"), ([60.0, 80.0], "NOT inside")]
)
def test_the_verdict_stands_beside_the_truth(interval: list[float], inside: str) -> None:
    row = {"metric": "carts_per_visitor", "effect": 55.0, "interval": interval}
    text = compared(TOLD, {"metrics": [row]})
    assert "truth: +50.0 %" in text
    assert inside in text
    assert "+100.0 %" in text


@pytest.mark.integration
def test_a_small_shop_from_history_to_verdict(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    words = ["-m", "pipeline.shop", "--out", str(out), "--items", "200", "--visitors", "500"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the truth: " in done.stdout
    told = json.loads((out / "truth.json").read_text())
    arms = told["treatments"]
    assert told["failed"] == 0
    assert sum(arm["visitors"] for arm in arms.values()) == told["truth"]["visitors"]
    lines = [
        json.loads(line)
        for path in (out / "log").glob("data.json*")
        for line in path.read_text().splitlines()
    ]
    events = [line["event"] for line in lines if line["message"] == "event"]
    tally = told["tally"]
    assert events.count("view") == tally["views"]
    assert events.count("addtocart") == tally["carts"]
    answers = {line["request"] for line in lines if line["message"] == "recommend"}
    assert {line["request"] for line in lines if line.get("event") == "impression"} <= answers
    ranked = [line for line in lines if line.get("recommender") == "full"]
    assert ranked
    assert all("features" in line for line in ranked)
    [row] = [
        row
        for row in json.loads((out / "effects.json").read_text())["metrics"]
        if row["metric"] == "carts_per_visitor"
    ]
    logged = row["control"] * row["users"]["control"] + row["value"] * row["users"]["treatment"]
    assert round(logged) == tally["carts"]
    assert re.search(r"the page: \S+report.html", done.stdout)
