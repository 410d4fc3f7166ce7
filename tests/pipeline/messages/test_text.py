"""What became of a night, in words."""

import shutil
from pathlib import Path

from pipeline.messages.text import text
from tests.pipeline.nights import CHECK, a_night, a_step


def test_a_published_night(tmp_path: Path) -> None:
    assert text(a_night(tmp_path), "https://shop.example/nights").splitlines() == [
        "shop 2026-05-31: published c0ffee",
        "why: ndcg_10 0.1200 -> 0.1300, difference +0.0020 to +0.0180",
        "in service before: beef",
        "ndcg_10: 0.12 -> 0.13, difference +0.0100 (+0.0020 to +0.0180)",
        "guardrails: 1 of 1 passed",
        "checks: 2 of 2 passed",
        "data: 12,345 events, 6 left out, 789 lists",
        "page: https://shop.example/nights",
    ]


def test_a_night_by_force_says_so(tmp_path: Path) -> None:
    first, *_ = text(a_night(tmp_path, forced=True)).splitlines()
    assert first == "shop 2026-05-31: published c0ffee BY FORCE"


def test_a_refused_night_names_what_failed(tmp_path: Path) -> None:
    failed = {**CHECK, "value": None, "passed": False, "note": "yesterday 9"}
    night = a_night(
        tmp_path, published=False, serving="beef", reason="data checks failed: rows",
        primary=None, guardrails=[], candidate=None, checks=[CHECK, *[failed] * 12],
    )  # fmt: skip
    a_step(night, "features", "failed", "data checks failed: rows")
    lines = text(night).splitlines()
    assert lines[0] == "shop 2026-05-31: NOT PUBLISHED, beef stays in service"
    assert "checks: 1 of 13 passed" in lines
    assert lines.count("  rows is unknown, at least 1000 (yesterday 9)") == 10
    assert "  and 2 more" in lines
    assert "step features failed: data checks failed: rows" in lines
    assert not any(line.startswith("in service before") for line in lines)


def test_no_interval_is_not_an_interval_of_zero(tmp_path: Path) -> None:
    primary = {"name": "ndcg_10", "old": None, "new": 0.1, "difference": None}
    lines = text(a_night(tmp_path, primary={**primary, "low": None, "high": None})).splitlines()
    assert "ndcg_10: unknown -> 0.1" in lines


def test_a_killed_night_has_no_decision(tmp_path: Path) -> None:
    night = a_night(tmp_path)
    (night / "decision.json").unlink()
    shutil.copytree(night / "train", night / ".evaluate-x")  # what a killed step leaves
    first, note, *_ = text(night, note="attempt 2 of 3").splitlines()
    assert first == "shop 2026-05-31: NOT DECIDED, the last step that ended is train"
    assert note == "attempt 2 of 3"


def test_an_empty_directory_has_a_message_too(tmp_path: Path) -> None:
    (night := tmp_path / "2026-05-31").mkdir()
    first, *_ = text(night).splitlines()
    assert first == "2026-05-31: NOT DECIDED, the last step that ended is none"
