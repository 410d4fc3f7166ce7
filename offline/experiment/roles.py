"""What the page has to know of the metrics of an analysis: the one place that looks it up."""

from collections.abc import Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.comparison import Comparison, Interval
from offline.experiment.holm import holm
from offline.experiment.metrics import Metric

SMALLEST_SHARE = 1.0
"""Points of a share, and percent of the control elsewhere, below which a change is no matter."""
SMALLEST_MS = 1.0
"""Milliseconds, the same: where an answer takes a tenth of one, twice that harms nobody."""

_GROUPS = {
    "Primary": "what the verdict is about",
    "Guardrails": "what must not get worse by more than a margin",
    "Others": "they decide nothing",
}


@dataclass(frozen=True)
class Group:
    """Metrics that play the same part."""

    title: str
    meaning: str
    rows: Sequence[Comparison]


def is_primary(analysis: Analysis, name: str) -> bool:
    """Whether the verdict is about the metric."""
    return analysis.metrics[name].role == "primary"


def is_better(analysis: Analysis, row: Comparison) -> bool:
    """Whether the effect seen is one for the better, however small."""
    more = analysis.metrics[row.effect.metric].more_is_better
    return row.change is not None and (row.change > 0) == more


def is_share(metric: Metric) -> bool:
    """Whether its values are percentages, so that differences are told in points."""
    return metric.unit.strip() == "%"


def margins(analysis: Analysis) -> dict[str, float]:
    """How much worse a guardrail may get, in percent of the control mean."""
    return {guard.metric: guard.margin for guard in analysis.guardrails}


def groups(analysis: Analysis, treatment: str) -> list[Group]:
    """The rows of a treatment: primary metrics, guardrails, then the others; none empty."""
    rows = [row for row in analysis.comparisons if row.effect.treatment == treatment]
    guarded = margins(analysis)
    parts: dict[str, list[Comparison]] = {title: [] for title in _GROUPS}
    parts["Primary"] += analysis.primary_rows(treatment)  # in the order in which they were named
    for row in rows:
        if not is_primary(analysis, row.effect.metric):
            parts["Guardrails" if row.effect.metric in guarded else "Others"].append(row)
    return [Group(title, _GROUPS[title], some) for title, some in parts.items() if some]


def significant(analysis: Analysis, row: Comparison) -> bool:
    """Whether a row differs: a primary one as the verdict has it, others over all rows (Holm)."""
    limit = analysis.options.alpha
    if not is_primary(analysis, row.effect.metric):
        return row.p_holm is not None and row.p_holm < limit
    if analysis.options.sequential:
        some = analysis.looks_of[row.effect.metric][row.effect.treatment]
        return bool(some) and some[-1].excludes_zero
    tested = {
        (other.effect.treatment, other.effect.metric): other.p
        for other in analysis.comparisons
        if is_primary(analysis, other.effect.metric) and other.p is not None
    }
    key = row.effect.treatment, row.effect.metric
    if key not in tested:
        return False
    adjusted = holm(list(tested.values()))
    return float(adjusted[list(tested).index(key)]) < limit


def deciding_interval(analysis: Analysis, row: Comparison) -> Interval | None:
    """Of a primary row: always-valid where somebody looks before the end."""
    if not analysis.options.sequential:
        return row.relative
    some = analysis.looks_of[row.effect.metric][row.effect.treatment]
    return (some[-1].lower, some[-1].upper) if some else None


def matters(analysis: Analysis, row: Comparison) -> bool:
    """Whether the change seen is as large as the metric's margin, or the smallest of any use."""
    metric = analysis.metrics[row.effect.metric]
    was, now = row.effect.control_mean, row.effect.treatment_mean
    if was is None or now is None:
        return False
    difference = abs(now - was) * metric.scale
    if is_share(metric) and difference < SMALLEST_SHARE:
        return False
    if metric.unit.strip() == "ms" and difference < SMALLEST_MS:
        return False
    least = margins(analysis).get(metric.name, SMALLEST_SHARE)
    return row.change is None or abs(row.change) >= least
