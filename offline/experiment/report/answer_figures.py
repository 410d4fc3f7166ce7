"""Figures beside the verdict: the effect by day, and the posterior."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from offline.experiment.analysis import Analysis
from offline.experiment.questions.answers_text import chance_text
from offline.experiment.questions.ask import Answers
from offline.experiment.questions.days import FEWEST, ByDay
from offline.experiment.report.answer_plots import Density, Points, density_plot, points_plot
from offline.experiment.report.figures import Picture, both
from offline.experiment.stats.bayes import Reading
from offline.experiment.words import date_text, interval, percent

_WIDTHS = 4.0
"""Standard deviations of the posterior in each arm."""


def by_day(
    analysis: Analysis, days: Sequence[ByDay], labels: Mapping[str, str], *, dated: bool
) -> Picture:
    """A panel per treatment; nothing where none has an effect on two days."""
    panels = []
    for colour, arm in enumerate(analysis.aggregates.arms):
        for some in days:
            known = [
                (day, part)
                for day, part in zip(some.days, some.parts, strict=True)
                if part.effect is not None
            ]
            if some.treatment != arm.treatment or len(known) < 2:
                continue
            ends = [part.interval or (math.nan, math.nan) for _, part in known]
            lower, upper = np.array(ends, np.float64).T
            panels.append(
                Points(
                    labels[arm.treatment],
                    colour,
                    np.array([day for day, _ in known], np.int64),
                    np.array([part.effect for _, part in known], np.float64),
                    lower,
                    upper,
                    np.array([min(part.users) >= FEWEST for _, part in known]),
                )
            )
    if not panels:
        return {}

    def name(day: int) -> str:
        return date_text(day) if dated else f"day {day}"

    axis = "day (UTC)" if dated else "days since the user’s first line"
    return both(lambda width: points_plot(panels, name, axis, width))


def posteriors(analysis: Analysis, answers: Answers, labels: Mapping[str, str]) -> Picture:
    """Density of the effect on the first primary metric given the log, a panel per treatment."""
    metric = analysis.primary
    curves = [
        _curve(analysis, some, colour, labels[arm.treatment])
        for colour, arm in enumerate(analysis.aggregates.arms)
        for some in answers.readings
        if some.metric == metric.name and some.treatment == arm.treatment
    ]
    if not curves:
        return {}
    axis = f"effect on {metric.called}, % of {labels[analysis.control]}"
    return both(lambda width: density_plot(curves, axis, width))


def _curve(analysis: Analysis, some: Reading, colour: int, label: str) -> Density:
    """The logarithm of treatment / control is normal, before and after."""
    row = next(
        row for row in analysis.primary_rows(some.treatment) if row.effect.metric == some.metric
    )
    # Of a negative control mean a larger ratio is further below 0.
    sign = -1.0 if row.moments is not None and row.moments[0].mean < 0 else 1.0
    ends = np.sort(np.log1p(sign * np.array([some.lower, some.upper]) / 100))
    spread = float(ends[1] - ends[0]) / 2 / float(stats.norm.ppf(1 - row.alpha / 2))
    middle = float(ends.mean())
    # The prior is shown whole where the picture reaches as far as it anyway.
    whole, width = _WIDTHS * spread, 2.5 * some.prior / 100
    least = width if width <= abs(middle) + whole else spread
    at = np.linspace(min(middle - whole, -least), max(middle + whole, least), 401)
    value = sign * 100 * np.expm1(at)
    order = np.argsort(value)
    return Density(
        label,
        colour,
        value[order],
        (stats.norm.pdf(at, middle, spread) / np.exp(at))[order],
        (stats.norm.pdf(at, 0, some.prior / 100) / np.exp(at))[order],
        analysis.metrics[some.metric].more_is_better,
        f"better with probability {chance_text(some.better)}, effect {percent(some.effect)} "
        f"({interval(some.lower, some.upper)})",
    )
