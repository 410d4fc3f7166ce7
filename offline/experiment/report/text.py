"""The analysis for a terminal and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from offline.experiment.aggregates.aggregate import Aggregates, Arm
from offline.experiment.analysis import Analysis
from offline.experiment.report.standing import standing
from offline.experiment.rule import Rule
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import COLUMNS, Effect
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.verdict import Verdict
from offline.experiment.versions import VersionEffect
from offline.experiment.words import confidence, interval, percent
from offline.logs.hourly import hour_text


def as_text(effects: Sequence[Effect]) -> str:
    """The table with the protocol's columns, aligned, "-" where a value cannot be computed."""
    rows = [COLUMNS] + [[_cell(name, getattr(row, name)) for name in COLUMNS] for row in effects]
    notes = [f"{row.treatment} {row.metric}: {row.note}" for row in effects if row.note]
    return "\n".join(_aligned(rows) + notes)


def more_text(analysis: Analysis) -> str:
    """The other metrics, and what the effect table has no column for, metric by metric."""
    sure = f"{confidence(analysis.options.alpha)} interval"
    head = ["treatment", "metric", "effect", sure, "CUPED", "p", "Holm", "BH", "detectable"]
    head += ["users", "difference", "SE", "df"]
    in_table = {(row.treatment, row.metric) for row in analysis.core_effects}
    rows = [head]
    for row in analysis.comparisons:
        effect, own = row.effect, absolute(row)
        degrees = own.degrees_of_freedom
        rows.append(
            [
                effect.treatment,
                effect.metric,
                "-" if row.change is None else percent(row.change),
                "-" if row.relative is None else interval(*row.relative),
                "-" if row.cuped is None else interval(*row.cuped),
                *("-" if p is None else f"{p:.2g}" for p in (row.p, row.p_holm, row.p_bh)),
                "-" if row.detectable is None else f"{row.detectable:.2g} %",
                f"{row.users[1]:,}:{row.users[0]:,}",
                "-" if own.difference is None else f"{own.difference:+.4g}",
                "-" if own.standard_error is None else f"{own.standard_error:.3g}",
                "-" if degrees is None else f"{degrees:,.0f}",
            ]
        )
    notes = [
        f"{row.effect.treatment} {row.effect.metric}: {note}"
        for row in analysis.comparisons
        if (
            note := row.note
            if (row.effect.treatment, row.effect.metric) in in_table
            else row.notes
        )
    ]
    notes += [f"{name}: {why}" for name, why in analysis.missing.items()]
    return "\n".join(_aligned(rows) + notes)


def guardrail_text(analysis: Analysis) -> str:
    """One line a guardrail."""
    lines = []
    for guard in analysis.guardrails:
        sign = "−" if analysis.metrics[guard.metric].more_is_better else "+"
        known = guard.lower is not None and guard.upper is not None
        ends = interval(guard.lower or 0, guard.upper or 0) if known else "no interval"
        lines.append(
            f"guardrail {guard.treatment} {guard.metric}: {guard.status} "
            f"({ends}; margin {sign}{guard.margin:g} %)"
        )
    return "\n".join(lines)


def quality_text(aggregates: Aggregates) -> str:
    """One line: users and sessions of each treatment, and what did not count."""
    arms = "; ".join(
        f"{arm.treatment}: {arm.users:,} users, {arm.sessions:,} sessions"
        f" and {arm.unfinished:,} unfinished"
        for arm in aggregates.arms
    )
    quality = aggregates.quality
    if aggregates.source == "table":
        return _table_text(aggregates)
    text = f"{quality.lines:,} lines; {arms}"
    for count, what in (
        (sum(arm.users_without_session for arm in aggregates.arms), "users without a session"),
        (quality.duplicates, "duplicates, left out"),
        (quality.lines_in_several, "lines of users in several treatments, left out"),
        (quality.backwards, "lines from a clock that went backwards"),
        (quality.lines_outside, "lines outside the experiment"),
    ):
        text += f"; {what}: {count:,}" if count else ""
    return text


def _table_text(aggregates: Aggregates) -> str:
    quality = aggregates.quality
    arms = "; ".join(f"{arm.treatment}: {arm.users:,} users" for arm in aggregates.arms)
    text = f"{quality.lines:,} rows; {arms}"
    for count, what in (
        (quality.duplicates, "rows like an earlier one, left out"),
        (quality.lines_in_several, "rows of users in several treatments, left out"),
        (quality.dropped_lines, "rows of users dropped by name"),
        (quality.lines_outside, "rows of treatments that are not judged"),
    ):
        text += f"; {what}: {count:,}" if count else ""
    return text


def as_json(
    analysis: Analysis, verdicts: Sequence[Verdict], rule: Rule | None = None
) -> dict[str, Any]:
    """Everything as JSON values; null where a value cannot be computed.

    `rule` is the one by which the verdicts were given; None: superiority.
    Numbers keep 12 digits: sums over threads differ in the last ones from run to run.
    """
    aggregates, quality = analysis.aggregates, analysis.aggregates.quality
    content = {
        "experiment": aggregates.experiment,
        "source": aggregates.source,
        "control": aggregates.control,
        "confidence": 1 - analysis.options.alpha,
        "alpha": analysis.options.alpha,
        "deciding": analysis.primary.name,
        "primaries": [metric.name for metric in analysis.metrics.primaries],
        "definitions": [asdict(metric) for metric in analysis.metrics.by_name.values()],
        "sequential": analysis.options.sequential,
        "cuped": analysis.options.cuped,
        "cap": analysis.options.cap,
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "effects": [asdict(effect) for effect in analysis.core_effects],
        "metrics": [
            _comparison(row) | asdict(standing(analysis, row, rule or Rule()))
            for row in analysis.comparisons
        ],
        "missing": dict(analysis.missing),
        "heavy_users": [asdict(some) for some in analysis.heavy],
        "guardrails": [asdict(guard) for guard in analysis.guardrails],
        "looks": {
            name: [asdict(look) for look in looks] for name, looks in analysis.looks.items()
        },
        "looks_of": {
            metric: {name: [asdict(look) for look in some] for name, some in looks.items()}
            for metric, looks in analysis.looks_of.items()
        },
        "looks_every": aggregates.period_name,
        "segments": {
            name: [asdict(segment) for segment in some] for name, some in analysis.segments.items()
        },
        "sample_ratio": {
            "p": analysis.ratio.p,
            "mismatch": analysis.ratio.mismatch,
            "expected": dict(analysis.ratio.expected),
        },
        "checks": [asdict(check) for check in analysis.checks],
        "runs": dict(aggregates.provenance.runs),
        "worlds": dict(aggregates.provenance.worlds),
        "versions": {
            name: [_version(span) for span in spans] for name, spans in analysis.versions.items()
        },
        "versions_of": {
            metric: {name: [_version(span) for span in spans] for name, spans in some.items()}
            for metric, some in analysis.versions_of.items()
        },
        "treatments": [_arm(arm, aggregates.source) for arm in aggregates.arms],
        "notes": notes(analysis, {arm.treatment: arm.treatment for arm in aggregates.arms}),
        "log": {
            "files": list(quality.files),
            "lines": quality.lines,
            "bad_lines": quality.bad_lines,
            "bad": [str(bad) for bad in quality.bad],
            "bad_share": quality.skipped.share,
            "commonest_reason": quality.skipped.commonest,
            "timestamps_in": quality.unit,
            "notes": list(quality.notes),
            "lines_outside": quality.lines_outside,
            "duplicates": quality.duplicates,
            "backwards": quality.backwards,
            "dropped_lines": quality.dropped_lines,
            "dropped_users": list(quality.dropped_users),
            "users_in_several": quality.users_in_several,
            "lines_in_several": quality.lines_in_several,
            "events_per_hour": {
                hour_text(hour): count for hour, count in quality.events_per_hour.items()
            },
        },
    }
    rounded: dict[str, Any] = _rounded(content)
    return rounded


def _arm(arm: Arm, source: str) -> dict[str, Any]:
    if source == "table":
        return {"treatment": arm.treatment, "users": arm.users, "rows": arm.lines}
    return asdict(arm)


def _version(span: VersionEffect) -> dict[str, Any]:
    row = span.comparison
    return {
        "since": span.since,
        "until": span.until,
        "effect": row.change,
        "interval": row.relative,
        "users": {"control": row.users[0], "treatment": row.users[1]},
    }


def _comparison(row: Comparison) -> dict[str, Any]:
    adjusted = row.adjusted
    cuped = None
    if adjusted is not None:
        cuped = {
            "effect": row.cuped_effect,
            "interval": row.cuped,
            "variance_reduction": adjusted.reduction,
            "known_users": adjusted.known,
        }
    return {
        "treatment": row.effect.treatment,
        "metric": row.effect.metric,
        "effect": row.change,
        "interval": row.relative,
        "method": row.method,
        "users": {"control": row.users[0], "treatment": row.users[1]},
        "p": row.p,
        "p_holm": row.p_holm,
        "p_bh": row.p_bh,
        "detectable": row.detectable,
        "bootstrap": row.bootstrap,
        "cuped": cuped,
        "control": row.effect.control_mean,
        "value": row.effect.treatment_mean,
        "absolute": asdict(absolute(row)),
        "cap": None if row.cap is None else asdict(row.cap),
        "uncapped": None if row.uncapped is None else _uncapped(row.uncapped),
        "note": row.notes,
    }


def _uncapped(row: Comparison) -> dict[str, Any]:
    return {"effect": row.change, "interval": row.relative, "method": row.method, "p": row.p}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {key: _rounded(some) for key, some in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(some) for some in value]
    return value


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cell(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    if name.endswith("_mean"):
        return f"{value:.6g}"
    return f"{value:+.2f}"
