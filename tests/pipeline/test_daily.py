"""The daily loop on a small world: what was logged by day is served in the morning."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

# tests/contract/test_reload.py and test_experiment.py cover the same steps in less time.
pytestmark = [pytest.mark.integration, pytest.mark.nightly]

SMALL = ("--users", "150", "--tracks", "1200", "--collect", "4000", "--episodes", "300")


def test_a_day_is_lived_learned_from_and_served(tmp_path: Path) -> None:
    words = ["-m", "pipeline.daily", "--out", str(tmp_path / "days")]
    words += ["--days", "1", "--rungs", "200"]
    done = subprocess.run(
        [sys.executable, *words, *SMALL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "days/days.json").read_text())
    assert [row["sessions"] for row in found] == [4000, 4300]
    assert re.search(r"the service loaded model [0-9a-f]{12}", done.stdout)
    offers = found[1]["offers"]
    assert offers["dae_session"]["offers"] > 100
    assert 0 <= offers["dae_session"]["share_of_top_100"] <= 1
    for row in found:
        assert row["shares"]["Oracle"] == 1
        assert row["shares"]["DAE_SESSION"] > 0.1
    lines = [
        json.loads(line)
        for path in (tmp_path / "days/log").glob("data.json*")
        for line in path.read_text().splitlines()
    ]
    chances = {e["propensity"] for e in lines if e["recommender"] == "dae_session"}
    assert all(0 < chance < 1 for chance in chances)  # a tenth explores
