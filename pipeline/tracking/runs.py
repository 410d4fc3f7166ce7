"""A night's directory as the five runs of a shop. Only files are read here."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from contract.tracking import flat, numbers
from pipeline.tracking.picture import of_decision

LISTS = "lists"
"""The artefact of the run `final_recommendations` that is registered."""


@dataclass(frozen=True)
class Run:
    """What one run has to tell."""

    name: str
    params: dict[str, object]
    metrics: dict[str, float]
    files: tuple[Path, ...] = ()
    lists: Path | None = None
    """A directory, the artefact LISTS."""
    texts: dict[str, str] = field(default_factory=dict)
    """Further artefacts by name."""


@dataclass(frozen=True)
class NightRuns:
    """The runs of a night."""

    night: str
    face: str
    candidate: str | None
    """The version of its lists; None: it trained none."""
    runs: tuple[Run, ...]

    @property
    def content(self) -> str:
        """Differs where anything does that is told."""
        told = [
            (run.name, run.params, run.metrics, sorted(run.texts.items())) for run in self.runs
        ]
        return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def runs_of(night: Path) -> NightRuns:
    """Those whose steps were reached; `final_metrics` is one of every decided night.

    Raises ValueError where there is no decision yet.
    """
    decision = _json(night / "decision.json")
    if decision is None:
        raise ValueError(f"{night} has no decision.json: the night has not ended")
    steps = {
        name: report
        for name in ("transform", "split", "train", "evaluate")
        if (report := _json(night / name / "step.json")) and report["status"] == "done"
    }
    found = []
    if "train" in steps:
        found += _trained(night, steps)
    found.append(_final(night, decision, steps))
    candidate = decision["candidate"] if "train" in steps else None
    return NightRuns(night.name, decision["face"], candidate, tuple(found))


def _trained(night: Path, steps: dict[str, dict[str, Any]]) -> list[Run]:
    about = _json(night / "train/model/artefact.json") or {}
    lists = night / "train" / "lists"
    measured = steps.get("evaluate", {}).get("metrics", {})
    data = {
        "data fingerprint": steps["train"]["inputs"].get(f"{night.name}/split/train.csv"),
        "model": about.get("model"),
    }
    counts: dict[str, object] = {name: about[name] for name in ("users", "items") if name in about}
    for step, names in (("transform", ("events", "left_out")), ("split", ("train", "held_out"))):
        found = steps.get(step, {}).get("metrics", {})
        counts |= {f"{name} events": found[name] for name in names if name in found}
    ids = {"item column": "item", "user column": "user", "ids": "text, numbered in their order"}
    return [
        Run("encoders", data | ids, numbers(counts)),
        Run(
            "popular",
            data,
            _starting(measured, "popular_"),
            _there(lists / "popular.json", lists / "top_tracks.json"),
        ),
        Run(
            "similar_items",
            data,
            {
                name: value
                for name, value in _starting(measured, "new_").items()
                if "neighbours" in name
            },
            _there(lists / "neighbours.json"),
        ),
        Run(
            "final_recommendations",
            data | flat(about.get("config", {}), "option."),
            _starting(measured, "new_") | numbers(steps["train"]["metrics"]),
            _there(night / "train/model/artefact.json"),
            lists if lists.is_dir() else None,
        ),
    ]


def _final(night: Path, decision: dict[str, Any], steps: dict[str, dict[str, Any]]) -> Run:
    primary = decision["primary"] or {}
    metrics = {f"primary.{name}": value for name, value in numbers(primary).items()}
    metrics |= numbers(steps.get("evaluate", {}).get("metrics", {}))
    for kind in ("guardrails", "checks"):
        rows = decision[kind]
        metrics[f"{kind}_failed"] = float(sum(not row["passed"] for row in rows))
        metrics |= numbers(flat({f"{kind}.{row['name']}": row["value"] for row in rows}))
    params = {
        "primary": primary.get("name"),
        **{name: decision[name] for name in ("published", "forced", "reason", "candidate")},
        "in service": decision["serving"],
    }
    pages = {
        f"{step}.html": (night / step / "checks.html").read_text()
        for step in ("transform", "features")
        if (night / step / "checks.html").is_file()
    }
    picture = of_decision(decision)
    return Run(
        "final_metrics",
        params,
        metrics,
        _there(night / "decision.json"),
        texts=pages | ({"difference.svg": picture} if picture else {}),
    )


def _starting(values: dict[str, float], prefix: str) -> dict[str, float]:
    """Those of that prefix, without it.

    >>> _starting({"new_lists": 3.0, "old_lists": 2.0}, "new_")
    {'lists': 3.0}
    """
    found = {name.removeprefix(prefix): v for name, v in values.items() if name.startswith(prefix)}
    return numbers(flat(found))


def _there(*files: Path) -> tuple[Path, ...]:
    return tuple(file for file in files if file.is_file())


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return found
