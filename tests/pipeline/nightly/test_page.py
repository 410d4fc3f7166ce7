"""The page of all nights."""

import json
from pathlib import Path

from pipeline.nightly.page import write_page


def _decide(out: Path, night: str, published: bool, **other: object) -> None:
    content = {"night": night, "published": published, "forced": False, "reason": "a < b"}
    content |= {"candidate": None, "serving": "v1", "primary": None, "checks": []}
    (out / night).mkdir()
    (out / night / "decision.json").write_text(json.dumps(content | other))


def test_a_night_is_a_row_with_what_it_had(tmp_path: Path) -> None:
    primary = {"name": "ndcg_10", "old": 0.1, "new": 0.2, "difference": 0.1}
    _decide(tmp_path, "2026-01-02", True, primary=primary | {"low": -0.01, "high": 0.3})
    checks = [{"step": "transform", "passed": True}, {"step": "features", "passed": False}]
    _decide(tmp_path, "2026-01-01", False, checks=checks)
    (tmp_path / "2026-01-01/features").mkdir()
    (tmp_path / "2026-01-01/features/checks.html").touch()
    first, second = write_page(tmp_path).read_text().split("<tr class=")[1:]
    assert first.startswith("refused")
    assert "a &lt; b" in first
    assert '<a href="2026-01-01/features/checks.html">1 of 2 failed</a>' in first
    assert second.startswith("published")
    assert "-0.0100 to +0.3000" in second
    assert "<a" not in second
    nights = [night["night"] for night in json.loads((tmp_path / "nights.json").read_text())]
    assert nights == ["2026-01-01", "2026-01-02"]
