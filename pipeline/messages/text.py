"""A night's directory as the text of a message."""

import json
from pathlib import Path
from typing import Any

_STEPS = (
    "extract", "transform", "features", "split", "train", "evaluate", "gate", "canary", "publish",
    "verify",
)  # fmt: skip
_MOST = 10
"""Checks or guardrails that are written out; the others are counted."""


def text(night: Path, link: str = "", note: str = "") -> str:
    """The first line says what became of the night: it is the subject of an e-mail.

    `note`: what a scheduler adds. Reads decision.json, serving.json and each step's step.json;
    a night that was killed has fewer of them.
    """
    decision, reports = decision_of(night), _reports(night)
    lines = [_headline(night, decision, reports)]
    if note:
        lines.append(note)
    if decision:
        lines += _decided(night, decision)
    lines += _done(reports)
    lines.append(f"page: {link or (night.parent / 'nights.html').absolute()}")
    return "\n".join(lines)


def _headline(
    night: Path, decision: dict[str, Any] | None, reports: dict[str, dict[str, Any]]
) -> str:
    face = decision["face"] if decision else next((one["face"] for one in reports.values()), "")
    name = f"{face} {night.name}".strip()
    if decision is None:
        last = list(reports)[-1] if reports else "none"
        return f"{name}: NOT DECIDED, the last step that ended is {last}"
    if not decision["published"]:
        return f"{name}: NOT PUBLISHED, {decision['serving'] or 'nothing'} stays in service"
    forced = " BY FORCE" if decision["forced"] else ""
    return f"{name}: published {decision['candidate']}{forced}"


def _decided(night: Path, decision: dict[str, Any]) -> list[str]:
    lines = [f"why: {decision['reason']}"]
    before = _json(night / "serving.json")
    if decision["published"] and before:
        lines.append(f"in service before: {before['serving'] or 'nothing'}")
    if primary := decision["primary"]:
        lines.append(_primary(primary))
    for name in ("guardrails", "checks"):
        rows = decision[name]
        failed = [row for row in rows if not row["passed"]]
        if rows:
            lines.append(f"{name}: {len(rows) - len(failed)} of {len(rows)} passed")
        lines += [f"  {_row(row)}" for row in failed[:_MOST]]
        if len(failed) > _MOST:
            lines.append(f"  and {len(failed) - _MOST} more")
    return lines


def _primary(primary: dict[str, Any]) -> str:
    """Old and new figure, and how sure the difference is."""
    old, new = _number(primary["old"]), _number(primary["new"])
    line = f"{primary['name']}: {old} -> {new}"
    if primary["low"] is not None and primary["high"] is not None:
        line += (
            f", difference {primary['difference']:+.4f} ({primary['low']:+.4f} to "
            f"{primary['high']:+.4f})"
        )
    return line


def _row(row: dict[str, Any]) -> str:
    note = f" ({row['note']})" if row.get("note") else ""
    return f"{row['name']} is {_number(row['value'])}, {row['bound']}{note}"


def _done(reports: dict[str, dict[str, Any]]) -> list[str]:
    """What the steps counted, and those that did not do their work."""
    lines = []
    counts = [
        f"{value:,.0f} {name}"
        for step, metric, name in (
            ("transform", "events", "events"),
            ("transform", "left_out", "left out"),
            ("train", "lists", "lists"),
        )
        if (value := reports.get(step, {}).get("metrics", {}).get(metric)) is not None
    ]
    if counts:
        lines.append("data: " + ", ".join(counts))
    lines += [
        f"step {name} {report['status']}: {report['reason']}"
        for name, report in reports.items()
        if report["status"] != "done"
    ]
    return lines


def decision_of(night: Path) -> dict[str, Any] | None:
    """decision.json; None where the night has none."""
    return _json(night / "decision.json")


def _reports(night: Path) -> dict[str, dict[str, Any]]:
    """Of the steps that have one, in their order; others after them."""
    found = {file.parent.name: file for file in sorted(night.glob("[!.]*/step.json"))}
    names = [name for name in _STEPS if name in found]
    names += [name for name in found if name not in _STEPS]
    return {name: report for name in names if (report := _json(found[name]))}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return found


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
