"""How the metrics of an analysis are used: primary, guardrail, significant, better."""

from collections.abc import Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.checks.log_checks import first_stop
from offline.experiment.guardrails import Guardrail
from offline.experiment.metrics import Metric
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.stats.holm import holm

SMALLEST_SHARE = 1.0
"""Points of a share, and percent of the control elsewhere, below which a change is immaterial."""
SMALLEST_MS = 1.0
"""The same in milliseconds: of a tenth of a millisecond, even the double is harmless."""

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
    return _signed(analysis, row) > 0


def is_worse(analysis: Analysis, row: Comparison) -> bool:
    """Whether the effect seen is one for the worse, however small."""
    return _signed(analysis, row) < 0


def _signed(analysis: Analysis, row: Comparison) -> float:
    """The effect, above 0 where it is for the better; the difference where there is no ratio."""
    seen = row.change if row.change is not None else absolute(row).difference
    return (seen or 0.0) * (1 if analysis.metrics[row.effect.metric].more_is_better else -1)


def is_stopped(analysis: Analysis, treatment: str) -> bool:
    """Whether anything forbids a verdict on the treatment."""
    stop = first_stop(analysis.checks, treatment, analysis.control)
    return analysis.ratio.mismatch or stop is not None


def is_share(metric: Metric) -> bool:
    """Whether its values are percentages, so that differences are in points."""
    return metric.unit.strip() == "%"


def margins(analysis: Analysis) -> dict[str, float]:
    """How much worse a guardrail may get, in percent of the control mean."""
    return {guard.metric: guard.margin for guard in analysis.guardrails}


def guardrail_of(analysis: Analysis, row: Comparison) -> Guardrail | None:
    """The row's result as a guardrail; None if it is none."""
    key = row.effect.treatment, row.effect.metric
    found = (some for some in analysis.guardrails if (some.treatment, some.metric) == key)
    return next(found, None)


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
    if not is_primary(analysis, row.effect.metric):
        return row.p_holm is not None and row.p_holm < analysis.options.alpha
    return (row.effect.treatment, row.effect.metric) in differing(analysis)


def differing(analysis: Analysis) -> set[tuple[str, str]]:
    """Treatment and metric of the primary rows that differ, all of them taken together."""
    rows = [row for row in analysis.comparisons if is_primary(analysis, row.effect.metric)]
    names = [(row.effect.treatment, row.effect.metric) for row in rows]
    if analysis.options.sequential:  # those intervals hold for all of them together
        looks = [analysis.looks_of[metric][treatment] for treatment, metric in names]
        found = [bool(some) and some[-1].excludes_zero for some in looks]
    else:
        adjusted = iter(holm([row.p for row in rows if row.p is not None]))
        found = [row.p is not None and next(adjusted) < analysis.options.alpha for row in rows]
    return {name for name, is_found in zip(names, found, strict=True) if is_found}


def is_judged(analysis: Analysis, row: Comparison) -> bool:
    """Whether a primary row has an effect and an interval, which a verdict needs."""
    return row.change is not None and deciding_interval(analysis, row) is not None


def deciding_interval(analysis: Analysis, row: Comparison) -> Interval | None:
    """Of a primary row: always-valid if results are seen before the end."""
    if not analysis.options.sequential:
        return row.relative
    some = analysis.looks_of[row.effect.metric][row.effect.treatment]
    return (some[-1].lower, some[-1].upper) if some else None


def matters(analysis: Analysis, row: Comparison) -> bool:
    """Whether the change seen is as large as the metric's margin, or the smallest of any use."""
    metric = analysis.metrics[row.effect.metric]
    own = absolute(row).difference
    if own is None:
        return False
    difference = abs(own) * metric.scale
    if is_share(metric) and difference < SMALLEST_SHARE:
        return False
    if metric.unit.strip() == "ms" and difference < SMALLEST_MS:
        return False
    least = margins(analysis).get(metric.name, SMALLEST_SHARE)
    return row.change is None or abs(row.change) >= least
