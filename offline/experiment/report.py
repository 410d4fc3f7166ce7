"""The page that one shows a colleague: a verdict, what it rests on, and how it was made."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from offline.experiment import pictures
from offline.experiment.aggregate import Aggregates
from offline.experiment.analysis import Analysis
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metrics
from offline.experiment.notes import notes
from offline.experiment.report_rows import FIGURES, effect_blocks
from offline.experiment.run_info import RunInfo
from offline.experiment.verdict import Verdict
from offline.experiment.words import confidence, interval, label
from offline.hours import moment_text

SHOWN_BAD_LINES = 100
_COUNTS = {
    "log": {
        "users": "Users",
        "users_without_session": "Users without a finished session",
        "sessions": "Finished sessions",
        "unfinished": "Unfinished sessions",
        "lines": "Lines",
    }.items(),
    "table": {"users": "Users", "lines": "Rows"}.items(),
}
"""Of each treatment: field of `Arm` and title."""


def render_report(analysis: Analysis, verdicts: Sequence[Verdict], run_info: RunInfo) -> str:
    """The report as one self-contained HTML page: no script, nothing loaded from elsewhere."""
    aggregates, names = analysis.aggregates, run_info.treatments
    labels = {arm.treatment: label(arm.treatment, names) for arm in aggregates.arms}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["moment"] = moment_text
    environment.filters["minus"] = lambda text: re.sub(r"(?<!\w)-(?=\d)", "−", text)
    return environment.get_template("report.html").render(
        experiment=aggregates.experiment,
        verdicts=verdicts,
        labels=labels,
        control=analysis.control,
        primary=analysis.primary,
        primaries=analysis.metrics.primaries,
        sure=confidence(analysis.options.alpha),
        alpha=f"{100 * analysis.options.alpha:g} %",
        upper_tail=f"{100 - 50 * analysis.options.alpha:g} %",
        is_log=aggregates.source == "log",
        noun="line" if aggregates.source == "log" else "row",
        counts=_COUNTS[aggregates.source],
        arms=aggregates.arms,
        users=sum(arm.users for arm in aggregates.arms),
        blocks=effect_blocks(analysis, labels),
        figures=FIGURES,
        missing={analysis.metrics[name].title: why for name, why in analysis.missing.items()},
        guardrails=[_guardrail(guard, analysis.metrics, labels) for guard in analysis.guardrails],
        has_before=analysis.has_past,
        sequential=analysis.options.sequential,
        options=analysis.options,
        notes=notes(analysis, labels),
        stops=_stops(analysis, labels),
        quality=aggregates.quality,
        own=aggregates.own,
        ratio=analysis.ratio,
        checks=[check for check in analysis.checks if check.status != "unknown"],
        period=aggregates.period_name,
        shown_bad_lines=SHOWN_BAD_LINES,
        lengths=_length_rows(aggregates, labels),
        mean_plots=pictures.means(analysis, labels),
        follow_plots=pictures.followed(analysis, labels),
        user_plots=pictures.per_user(analysis, labels),
        length_plots=pictures.lengths(analysis, labels),
        segment_plots=pictures.by_segment(analysis, labels),
        groups=run_info.groups,
    )


def _guardrail(guard: Guardrail, metrics: Metrics, labels: Mapping[str, str]) -> dict[str, str]:
    metric = metrics[guard.metric]
    known = guard.lower is not None and guard.upper is not None
    return {
        "title": f"{metric.title} of {labels[guard.treatment]}",
        "status": guard.status,
        "tone": {"holds": "good", "broken": "bad"}.get(guard.status, "flat"),
        "interval": interval(guard.lower or 0, guard.upper or 0) if known else "no interval",
        "margin": f"{'-' if metric.more_is_better else '+'}{guard.margin:g} %",
    }


def _stops(analysis: Analysis, labels: Mapping[str, str]) -> list[str]:
    """For each treatment with looks, whether one who looks every day may stop."""
    told = []
    for treatment, looks in analysis.looks.items():
        if looks:
            last = looks[-1]
            sure = confidence(analysis.options.alpha)
            may = "may stop now" if last.excludes_zero else "must go on"
            told.append(
                f"{labels[treatment]}: who has looked before the end {may} "
                f"(always-valid {sure} interval {interval(last.lower, last.upper)})."
            )
    return told


def _length_rows(aggregates: Aggregates, labels: Mapping[str, str]) -> list[tuple[str, list[int]]]:
    """Per treatment with finished sessions: median, 90 % and longest length."""
    rows = []
    for arm in aggregates.arms:
        own = pictures.finished(aggregates, arm.treatment)
        if not len(own):
            continue
        length, up_to = own["length"].to_numpy(), own["sessions"].cumsum().to_numpy()
        at = [int(length[np.searchsorted(up_to, share * up_to[-1])]) for share in (0.5, 0.9)]
        rows.append((labels[arm.treatment], [*at, int(length[-1])]))
    return rows
