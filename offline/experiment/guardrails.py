"""Guardrails: metrics that a treatment must not make worse by more than a margin."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from offline.errors import InputError
from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metrics
from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.stats.effects import Moments, relative_interval, standard_error
from offline.experiment.stats.power import users_factor


@dataclass(frozen=True)
class Guardrail:
    """One guardrail of one treatment.

    It holds where the whole interval is on the good side of the margin (non-inferiority at
    alpha / 2, one-sided), is broken where all of it is beyond, and else not shown.
    """

    treatment: str
    metric: str
    margin: float
    status: Literal["holds", "broken", "not shown"]
    effect: float | None
    lower: float | None
    upper: float | None
    needed: float | None = None
    """Factor on the users with which 80 % of tests without an effect show that it holds."""


def guard(
    comparisons: Sequence[Comparison],
    margins: Mapping[str, float],
    times: Mapping[str, float] | None = None,
    metrics: Metrics | None = None,
) -> tuple[Guardrail, ...]:
    """Check each comparison whose metric has a margin.

    With looks before the end, `times` has by treatment the factor on the standard error at the
    last look: the intervals are always-valid then, as the verdict's is. A
    treatment without a look is not in it, and has none. `metrics` are the experiment's; None: the
    built-in ones.
    """
    metrics = metrics or built_in()
    found = []
    for row in comparisons:
        name = row.effect.metric
        if name in margins:
            more = metrics[name].more_is_better
            if times is None:
                found.append(_check(row, margins[name], row.relative, more))
            else:
                wide = times.get(row.effect.treatment)
                found.append(_check(row, margins[name], _always_valid(row, wide), more, wide))
    return tuple(found)


def _always_valid(row: Comparison, times: float | None) -> Interval | None:
    if times is None or row.moments is None:
        return None
    if row.adjusted is not None and row.method.startswith("CUPED"):
        return row.adjusted.relative(times)
    return relative_interval(*row.moments, times)


def _check(
    row: Comparison,
    margin: float,
    ends: Interval | None,
    more: bool,
    times: float | None = None,
) -> Guardrail:
    effect = row.effect
    status: Literal["holds", "broken", "not shown"] = "not shown"
    lower, upper = ends or (None, None)
    if lower is not None and upper is not None:
        # In the direction in which more is better, from its worst end.
        worst, best = (lower, upper) if more else (-upper, -lower)
        status = "holds" if worst > -margin else "broken" if best < -margin else "not shown"
    elif effect.control_mean == 0 and effect.treatment_mean == 0:
        status = "holds"
    needed = _needed(row, -margin if more else margin, times) if status == "not shown" else None
    return Guardrail(
        effect.treatment, effect.metric, margin, status, row.change, lower, upper, needed
    )


def _needed(row: Comparison, margin: float, times: float | None) -> float | None:
    """How many times the users are needed, at the margin, in percent with its sign."""
    if row.moments is None:
        return None
    control, treated = row.moments
    ratio = 1 + math.copysign(margin / 100, margin * control.mean)
    scaled = Moments(control.n, 0.0, ratio**2 * control.variance_of_mean)
    error = standard_error(scaled, treated)
    if not control.mean or not error > 0 or math.isinf(error):
        return None
    return users_factor(abs(margin / 100 * control.mean), error, times, alpha=row.alpha)


def parse_margins(texts: Sequence[str], metrics: Metrics) -> dict[str, float]:
    """`mean_request_time=20`, each; added to those of the metrics. Raises InputError for others.

    A margin of `off` removes the default one.
    """
    margins = metrics.margins
    for text in texts:
        name, _, value = text.partition("=")
        if name not in metrics:
            known = ", ".join(metrics.by_name)
            raise InputError(f"--guardrail {text}: there is no metric {name!r}; there are {known}")
        if value == "off":
            margins.pop(name, None)
            continue
        try:
            margins[name] = float(value)
        except ValueError:
            margins[name] = -1.0
        if not 0 < margins[name] < float("inf"):
            raise InputError(
                f"--guardrail {text}: it must be like {name}=20, in percent, or {name}=off"
            )
    return margins
