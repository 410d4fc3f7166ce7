"""The effect table for a terminal and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from offline.experiment.aggregate import CONTROL, Aggregates
from offline.experiment.effects import COLUMNS, CONFIDENCE, Effect
from offline.experiment.health import SampleRatio
from offline.experiment.verdict import Verdict


def as_text(effects: Sequence[Effect]) -> str:
    """The table with the protocol's columns, aligned, "-" where a value cannot be computed."""
    rows = [COLUMNS] + [[_cell(name, getattr(row, name)) for name in COLUMNS] for row in effects]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    notes = [f"{row.treatment} {row.metric}: {row.note}" for row in effects if row.note]
    return "\n".join(lines + notes)


def quality_text(aggregates: Aggregates) -> str:
    """One line: users and sessions of each treatment, and what did not count."""
    arms = "; ".join(
        f"{arm.treatment}: {arm.users:,} users, {arm.sessions:,} sessions"
        f" and {arm.unfinished:,} unfinished"
        for arm in aggregates.arms
    )
    quality = aggregates.quality
    text = f"{quality.lines:,} lines; {arms}"
    if alone := sum(arm.users_without_session for arm in aggregates.arms):
        text += f"; users without a finished session: {alone:,}"
    if quality.users_in_several:
        text += f"; users in more than one treatment: {quality.users_in_several:,}"
    if quality.lines_outside:
        text += f"; lines outside the experiment: {quality.lines_outside:,}"
    return text


def as_json(
    aggregates: Aggregates,
    effects: Sequence[Effect],
    verdicts: Sequence[Verdict],
    ratio: SampleRatio,
) -> dict[str, Any]:
    """Table, verdicts and counts as JSON values; null where a value cannot be computed.

    Numbers keep 12 digits: sums over threads differ in the last ones from run to run.
    """
    quality = aggregates.quality
    return {
        "experiment": aggregates.experiment,
        "control": CONTROL,
        "confidence": CONFIDENCE,
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "effects": [
            {name: _rounded(value) for name, value in asdict(effect).items()} for effect in effects
        ],
        "sample_ratio": {
            "p": _rounded(ratio.p),
            "mismatch": ratio.mismatch,
            "expected": {name: _rounded(count) for name, count in ratio.expected.items()},
        },
        "treatments": [asdict(arm) for arm in aggregates.arms],
        "log": {
            "files": list(quality.files),
            "lines": quality.lines,
            "bad_lines": quality.bad_lines,
            "bad": [str(bad) for bad in quality.bad],
            "lines_outside": quality.lines_outside,
            "users_in_several": quality.users_in_several,
        },
    }


def _rounded(value: object) -> object:
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    if name.endswith("_mean"):
        return f"{value:.6g}"
    return f"{value:+.2f}"
