"""What the page has to know of the metrics of an analysis: the one place that looks it up."""

from collections.abc import Sequence
from dataclasses import dataclass

from statsmodels.stats.multitest import multipletests

from offline.experiment.analysis import DECIDING, Analysis
from offline.experiment.comparison import Comparison, Interval
from offline.experiment.effects import CONFIDENCE
from offline.experiment.metrics import BY_NAME, Metric

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


def metric_of(analysis: Analysis, name: str) -> Metric:
    """Title, unit and direction of a metric."""
    return BY_NAME[name]


def primary(analysis: Analysis) -> Metric:
    """The metric that the pictures are about."""
    return BY_NAME[DECIDING]


def is_primary(analysis: Analysis, name: str) -> bool:
    return name == DECIDING


def alpha(analysis: Analysis) -> float:
    """Chance of a false alarm that was agreed to."""
    return 1 - CONFIDENCE


def is_share(metric: Metric) -> bool:
    """Whether its values are percentages, so that differences are told in points."""
    return metric.unit.strip() == "%"


def called(metric: Metric) -> str:
    """Its title within a sentence."""
    return metric.title[:1].lower() + metric.title[1:]


def margins(analysis: Analysis) -> dict[str, float]:
    """How much worse a guardrail may get, in percent of the control mean."""
    return {guard.metric: guard.margin for guard in analysis.guardrails}


def groups(analysis: Analysis, treatment: str) -> list[Group]:
    """The rows of a treatment: primary metrics, guardrails, then the others; none empty."""
    rows = [row for row in analysis.comparisons if row.effect.treatment == treatment]
    guarded = margins(analysis)
    parts: dict[str, list[Comparison]] = {title: [] for title in _GROUPS}
    for row in rows:
        name = row.effect.metric
        own = "Guardrails" if name in guarded else "Others"
        parts["Primary" if is_primary(analysis, name) else own].append(row)
    return [Group(title, _GROUPS[title], some) for title, some in parts.items() if some]


def significant(analysis: Analysis, row: Comparison) -> bool:
    """Whether a row differs: a primary one as the verdict has it, others over all rows (Holm)."""
    limit = alpha(analysis)
    if not is_primary(analysis, row.effect.metric):
        return row.p_holm is not None and row.p_holm < limit
    if analysis.options.sequential:
        some = analysis.looks[row.effect.treatment]
        return bool(some) and some[-1].excludes_zero
    tested = {
        (other.effect.treatment, other.effect.metric): other.p
        for other in analysis.comparisons
        if is_primary(analysis, other.effect.metric) and other.p is not None
    }
    key = row.effect.treatment, row.effect.metric
    if key not in tested:
        return False
    adjusted = multipletests(list(tested.values()), method="holm")[1]
    return float(adjusted[list(tested).index(key)]) < limit


def deciding_interval(analysis: Analysis, row: Comparison) -> Interval | None:
    """Of a primary row: always-valid where somebody looks before the end."""
    if not analysis.options.sequential:
        return row.relative
    some = analysis.looks[row.effect.treatment]
    return (some[-1].lower, some[-1].upper) if some else None


def matters(analysis: Analysis, row: Comparison) -> bool:
    """Whether the change seen is as large as the metric's margin, or the smallest of any use."""
    metric = metric_of(analysis, row.effect.metric)
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
