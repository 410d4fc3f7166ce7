"""Real events that happen again: how they are divided and counted, and the whole of it."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.shop_replay import CUT, divided, figures_of, hits_of, told

WEEK = 7 * 86_400_000


def row(user: str, item: str, at: int, kind: str = "view") -> dict[str, Any]:
    return {"message": "event", "user": user, "item": item, "event": kind, "timestamp": at}


def test_the_history_ends_before_now_at_its_own_hour_and_weekday() -> None:
    rows = [row("a", str(n), 1000 * n) for n in range(20)][::-1]
    before, after = divided(rows, 9 * WEEK + 5)
    assert [one["item"] for one in before] == [str(n) for n in range(round(20 * CUT))]
    assert [one["item"] for one in after] == ["17", "18", "19"]
    assert before[-1]["timestamp"] == 16_000 + 8 * WEEK
    assert before[-1]["timestamp"] - before[0]["timestamp"] == 16_000


def test_what_is_new_and_what_was_found() -> None:
    before = [row("a", "x", 0)]
    asked = [
        (row("a", "x", 1), "1"),
        (row("a", "y", 2), "2"),
        (row("a", "y", 3, "addtocart"), "3"),
    ]
    answers = {"1": (["x"], []), "2": (["x"], ["y"]), "3": (["y"], ["y"])}
    hits = hits_of(asked, answers, before)
    assert [(hit.new, hit.full, hit.popular) for hit in hits] == [
        (False, True, False),
        (True, False, True),
        (False, True, True),
    ]
    rows = figures_of(hits)
    assert [(one["kind"], one["item"], one["full"], one["popular"]) for one in rows] == [
        ("view", "new", 0.0, 1.0),
        ("view", "seen before", 1.0, 0.0),
        ("addtocart", "seen before", 1.0, 1.0),
    ]
    assert "no counterfactual" in told(hits, 1)


@pytest.mark.integration
def test_a_small_log_happens_again(tmp_path: Path) -> None:
    chance, rows = random.Random(3), ["user,item,event,timestamp"]
    for visit in range(900):
        user, taste = f"u{visit % 90}", visit % 90 % 3 * 10
        at = 1_700_000_000_000 + visit * 3_600_000
        for n, item in enumerate(chance.sample(range(10), 3)):
            rows.append(f"{user},i{taste + item},view,{at + 60_000 * n}")
        rows.append(f"{user},i{taste + item},addtocart,{at + 200_000}")
    (tmp_path / "events.csv").write_text("\n".join(rows) + "\n")
    words = ["-m", "pipeline.shop", "--out", str(tmp_path / "out"), "--replayed", "300"]
    words += ["--events", str(tmp_path / "events.csv")]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is no counterfactual" in done.stdout
    found = json.loads((tmp_path / "out/replay.json").read_text())
    assert found["events"] == 300
    views = next(one for one in found["rows"] if (one["kind"], one["item"]) == ("view", "new"))
    assert views["full"] > views["popular"] + 0.1
