"""The analysis as JSON values for other programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from offline.experiment.aggregates.summary import Arm
from offline.experiment.analysis import Analysis
from offline.experiment.report.standing import standing
from offline.experiment.rule import Rule
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.verdict import Verdict
from offline.experiment.versions import VersionEffect
from offline.logs.hourly import hour_text


def as_json(
    analysis: Analysis, verdicts: Sequence[Verdict], rule: Rule | None = None
) -> dict[str, Any]:
    """The whole analysis as JSON values; null where a value cannot be computed.

    Numbers keep 12 digits: sums over threads differ in the last ones from run to run.

    Parameters
    ----------
    analysis : Analysis
    verdicts : sequence of Verdict
    rule : Rule, optional
        The one by which the verdicts were given; None: superiority.

    Returns
    -------
    dict

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, as_json, verdicts
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> found = as_json(analysis, verdicts(analysis, {}))
    >>> found["experiment"], found["deciding"], found["verdicts"][0]["outcome"]
    ('AB', 'mean_session_time', 'wins')
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
