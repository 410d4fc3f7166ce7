"""`test_shop.py`: what it takes for a fault, which visitors it asks for, and its exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from script.test_shop import fault_of, known_visitors, parser

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "test_shop.py"
GOOD = {"recs": [1, 2], "sources": ["covisit", "popular"]}


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (200, GOOD, None),
        (500, {"message": "no"}, "status 500: no"),
        (502, None, "status 502"),
        (200, {"items": []}, "no `recs`"),
        (200, {**GOOD, "recs": [1, 1]}, "twice"),
        (200, {**GOOD, "recs": [1]}, "1 items instead of 2"),
        (200, {**GOOD, "sources": ["fallback"] * 2}, "Redis is away"),
    ],
)
def test_an_answer_is_checked(status: int, answer: Any, fault: str | None) -> None:
    found = fault_of(status, answer, 2)
    assert found == fault if fault is None else found is not None and fault in found


def test_known_visitors_are_named_or_have_lists(tmp_path: Path) -> None:
    lists = tmp_path / "lists.json"
    lists.write_text("".join(json.dumps({"user": n, "items": ["a"]}) + "\n" for n in range(9)))
    assert known_visitors(None, lists) == ["0", "1", "2"]
    assert known_visitors("a, b", lists) == ["a", "b"]
    with pytest.raises(ValueError, match="--known"):
        known_visitors(None, tmp_path / "none.json")
    with pytest.raises(ValueError, match="no visitor"):
        known_visitors(",", lists)


def test_a_shop_that_is_away_is_told_and_fails(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--url", "http://127.0.0.1:9", "--known", "1", "--requests", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "1 requests, 0 as they should be, 1 not" in done.stdout
    assert "no answer" in (tmp_path / "test_service.log").read_text()
    wrong = [sys.executable, SCRIPT, "--url", "nowhere"]
    done = subprocess.run(wrong, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "http://localhost:8000" in done.stderr) == (2, True)


def test_options_have_the_values_of_the_existing_script() -> None:
    given = parser().parse_args([])
    assert (given.k, given.requests, given.log.name) == (5, 6, "test_service.log")
