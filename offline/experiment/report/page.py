"""The report page: a verdict, what it rests on, and how it was made."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.analysis import Analysis
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metric
from offline.experiment.questions.answers_text import dilution_lines, fault_text
from offline.experiment.questions.ask import Answers, Questions, answer
from offline.experiment.questions.days import FEWEST
from offline.experiment.report import answer_figures, figures
from offline.experiment.report.answer_rows import (
    attribute_tables,
    beliefs,
    courses,
    equivalence_table,
    interaction_table,
)
from offline.experiment.report.effect_rows import effect_blocks
from offline.experiment.report.health import health
from offline.experiment.report.outlook import gain_in_words, outlook
from offline.experiment.report.row_plot import RIGHT
from offline.experiment.report.rule_rows import rule_section
from offline.experiment.report.run_info import RunInfo
from offline.experiment.verdict.notes import notes
from offline.experiment.verdict.roles import SMALLEST_MS, SMALLEST_SHARE, is_stopped
from offline.experiment.verdict.verdict import Verdict
from offline.experiment.words import confidence, interval, label, moment, treatment_names

SHOWN_BAD_LINES = 100
_COUNTS = {
    "log": {
        "users": "Users",
        "users_without_session": "Users without a finished session",
        "sessions": "Finished sessions",
        "unfinished": "Unfinished sessions",
        "lines": "Lines",
    },
    "shop": {"users": "Visitors", "sessions": "Sessions", "lines": "Lines"},
    "table": {"users": "Users", "lines": "Rows"},
}
"""Of each treatment: field of `Arm` and title."""


def render_report(
    analysis: Analysis,
    verdicts: Sequence[Verdict],
    run_info: RunInfo,
    answers: Answers | None = None,
) -> str:
    """The report as one HTML page that loads nothing from elsewhere and needs no script.

    Parameters
    ----------
    analysis : Analysis
    verdicts : sequence of Verdict
    run_info : RunInfo
        Names of the treatments, and how the run was made.
    answers : Answers, optional
        The result of `answer`: the decision rule, and the further analyses.

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, RunInfo, aggregate, analyse
    >>> from offline.experiment import render_report, verdicts
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> page = render_report(analysis, verdicts(analysis, {}), RunInfo({"T1": "DAE"}))
    >>> "<!DOCTYPE html>" in page, "DAE" in page
    (True, True)
    """
    if answers is None:
        answers = answer(analysis, Questions())
    rule = answers.rule
    aggregates = analysis.aggregates
    names = treatment_names(run_info.treatments, aggregates.recommenders)
    labels = {arm.treatment: label(arm.treatment, names) for arm in aggregates.arms}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["moment"] = moment
    environment.filters["minus"] = _with_minus
    environment.filters["figures"] = lambda text: re.sub(
        r"(?<=\d) (?=(%|ms)(\W|$))", "\N{NO-BREAK SPACE}", _with_minus(text)
    )
    changes = {labels[some.treatment]: outlook(analysis, some, rule) for some in verdicts}
    shown = {
        "experiment": aggregates.experiment,
        "verdicts": verdicts,
        "gains": {some.treatment: gain_in_words(analysis, some.treatment) for some in verdicts},
        "changes": {name: sentences for name, sentences in changes.items() if sentences},
        "health": health(analysis, labels),
        "labels": labels,
        "control": analysis.control,
        "primary": analysis.primary,
        "primaries": analysis.metrics.primaries,
        "metrics": _metrics(analysis),
        "sure": confidence(analysis.options.alpha),
        "alpha": f"{100 * analysis.options.alpha:g} %",
        "upper_tail": f"{100 - 50 * analysis.options.alpha:g} %",
        "is_log": aggregates.source == "log",
        "noun": "row" if aggregates.source == "table" else "line",
        "right": RIGHT,
        "smallest_share": SMALLEST_SHARE,
        "smallest_ms": SMALLEST_MS,
        "arms": aggregates.arms,
        "counts": tuple(_COUNTS[aggregates.source].items()),
        "blocks": effect_blocks(analysis, labels, rule),
        "rule": rule_section(analysis, rule, labels),
        "stopped": [
            labels[some.treatment] for some in verdicts if is_stopped(analysis, some.treatment)
        ],
        "missing": {analysis.metrics[name].called: why for name, why in analysis.missing.items()},
        "guardrails": [_guardrail(analysis, guard, labels) for guard in analysis.guardrails],
        "has_before": analysis.has_past,
        "sequential": analysis.options.sequential,
        "notes": [*notes(analysis, labels), *_asked_notes(answers)],
        "stops": _stops(analysis, labels),
        "quality": aggregates.quality,
        "period": aggregates.period_name,
        "shown_bad_lines": SHOWN_BAD_LINES,
        "lengths": _length_rows(aggregates, labels),
        "mean_plots": figures.means(analysis, labels),
        "follow_plots": figures.followed(analysis, labels),
        "user_plots": figures.per_user(analysis, labels),
        "length_plots": figures.lengths(analysis, labels),
        "segment_plots": figures.by_segment(analysis, labels),
        "version_plots": figures.by_version(analysis, labels),
        "groups": run_info.groups,
        "fewest": FEWEST,
        "courses": courses(analysis, answers.days, labels, dated=True),
        "age_courses": courses(analysis, answers.ages, labels, dated=False),
        "attribute_tables": attribute_tables(analysis, answers, labels),
        "without_attributes": answers.without_attributes,
        "interaction": interaction_table(analysis, answers, labels),
        "equivalence": equivalence_table(analysis, answers, labels),
        "beliefs": beliefs(analysis, answers, labels),
        "posterior_plots": answer_figures.posteriors(analysis, answers, labels),
        "prior": answers.readings[0].prior if answers.readings else 0.0,
    }
    return environment.get_template("report.html").render(shown, contents=_contents(shown))


def _with_minus(text: str) -> str:
    """With the sign that numbers below 0 have in print."""
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)


def _contents(shown: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Anchor and title of each section that the page has, in its order."""
    health_first = bool(shown["health"].stops)
    sections = [
        ("changes", "What would change the verdict", shown["changes"]),
        ("health", "Health", health_first),
        ("effects", "Effects", True),
        ("health", "Health", not health_first),
        ("rule", "Decision rule", True),
        ("progress", "Effect over time", shown["follow_plots"]),
        ("versions", "By version of the models", shown["version_plots"]),
        ("segments", "By activity before the experiment", shown["segment_plots"]),
        ("days", "Effect by day", shown["courses"]),
        ("ages", "Novelty", shown["age_courses"]),
        ("attributes", "By attributes of the users", shown["attribute_tables"]),
        ("interaction", "Another experiment", shown["interaction"]),
        ("equivalence", "Equivalence", shown["equivalence"]),
        ("bayes", "A Bayesian reading", shown["beliefs"]),
        ("values", f"{shown['primary'].title} by treatment", shown["mean_plots"]),
        ("lengths", "How long sessions last", shown["length_plots"]),
        ("data", "Data quality", True),
        ("run", "How the run was made", shown["groups"]),
        ("metrics", "What each metric means", True),
        ("method", "How it was computed", True),
    ]
    return [(anchor, title) for anchor, title, there in sections if there]


def _asked_notes(answers: Answers) -> list[str]:
    """Notes on dilution and on sample ratios of subgroups, for the top of the page."""
    lines = [] if answers.dilution is None else dilution_lines(answers, answers.dilution)
    lines += [fault_text(fault) for fault in answers.split_faults]
    return [f"{line[:1].upper()}{line[1:]}." for line in map(str.strip, lines)]


def _metrics(analysis: Analysis) -> list[Metric]:
    """The metrics of the page, each once, in the order of the first treatment's rows."""
    names = dict.fromkeys(row.effect.metric for row in analysis.comparisons)
    return [analysis.metrics[name] for name in names]


def _guardrail(analysis: Analysis, guard: Guardrail, labels: Mapping[str, str]) -> dict[str, str]:
    metric = analysis.metrics[guard.metric]
    known = guard.lower is not None and guard.upper is not None
    return {
        "title": f"{metric.title} of {labels[guard.treatment]}",
        "status": guard.status,
        "tone": {"holds": "good", "broken": "bad"}.get(guard.status, "flat"),
        "interval": interval(guard.lower or 0, guard.upper or 0) if known else "no interval",
        "margin": f"{'-' if metric.more_is_better else '+'}{guard.margin:g} %",
    }


def _stops(analysis: Analysis, labels: Mapping[str, str]) -> list[str]:
    """For each treatment with looks, whether its test may stop."""
    told, sure = [], confidence(analysis.options.alpha)
    for treatment, looks in analysis.looks.items():
        if looks and not is_stopped(analysis, treatment):
            last = looks[-1]
            ends = f"always-valid {sure} interval {interval(last.lower, last.upper)}"
            if analysis.options.sequential:
                text = "the test may stop" if last.excludes_zero else "the test must go on"
            else:
                text = "by an interval that allows for earlier looks, a difference is "
                text += "shown too" if last.excludes_zero else "not shown"
            told.append(f"{labels[treatment]}: {text} ({ends}).")
    if told and not analysis.options.sequential:
        told.append("The verdict takes it that nobody looked before the end (else: --sequential).")
    return told


def _length_rows(aggregates: Aggregates, labels: Mapping[str, str]) -> list[tuple[str, list[int]]]:
    """Per treatment with finished sessions: median, 90 % and longest length."""
    rows = []
    for arm in aggregates.arms:
        own = figures.finished(aggregates, arm.treatment)
        if not len(own):
            continue
        length, up_to = own["length"].to_numpy(), own["sessions"].cumsum().to_numpy()
        at = [int(length[np.searchsorted(up_to, share * up_to[-1])]) for share in (0.5, 0.9)]
        rows.append((labels[arm.treatment], [*at, int(length[-1])]))
    return rows
