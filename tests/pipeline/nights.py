"""Directories of nights, as the steps write them."""

import json
from pathlib import Path
from typing import Any

CHECK = {"name": "rows", "value": 5000.0, "bound": "at least 1000", "passed": True, "note": ""}


def a_night(out: Path, **changes: Any) -> Path:
    """A night that was published; `changes` are of its decision."""
    night = out / "2026-05-31"
    decision = {
        "night": night.name,
        "face": "shop",
        "published": True,
        "forced": False,
        "reason": "ndcg_10 0.1200 -> 0.1300, difference +0.0020 to +0.0180",
        "candidate": "c0ffee",
        "serving": "c0ffee",
        "primary": {
            "name": "ndcg_10", "old": 0.12, "new": 0.13,
            "difference": 0.01, "low": 0.002, "high": 0.018,
        },
        "guardrails": [{**CHECK, "name": "coverage"}],
        "checks": [CHECK, {**CHECK, "name": "nulls"}],
        **changes,
    }  # fmt: skip
    write(night / "decision.json", decision)
    write(night / "serving.json", {"serving": "beef"})
    a_step(night, "transform", events=12345, left_out=6)
    a_step(night, "train", lists=789)
    return night


def a_step(
    night: Path, name: str, status: str = "done", reason: str | None = None, **metrics: float
) -> None:
    report = {"step": name, "night": night.name, "face": "shop", "status": status}
    write(night / name / "step.json", {**report, "metrics": metrics, "reason": reason})


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
