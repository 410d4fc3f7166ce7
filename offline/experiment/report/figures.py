"""The figures of the page, each in a wide and a narrow form."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from offline.experiment.aggregates.summary import PERIODS, Aggregates
from offline.experiment.analysis import Analysis
from offline.experiment.metrics import Metric
from offline.experiment.report.plots import Band, Bar, Steps, at_least_plot, band_plot, bar_plot
from offline.experiment.report.svg import NARROW, WIDE
from offline.experiment.stats.sample import Sample
from offline.experiment.words import interval, moment, percent

Picture = Mapping[str, str]
"""`wide` and `narrow`, or nothing where there is nothing to show."""
_MOMENTS = {"day": "%m-%d", "hour": "%d. %H h", "minute": "%H:%M", "second": "%H:%M:%S"}
_CURVE = np.linspace(0, 1, 201)


def means(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """The first primary metric of each treatment, with its own interval."""
    bars, metric = [], analysis.primary
    for colour, arm in enumerate(analysis.aggregates.arms):
        sample = _sample(analysis, arm.treatment)
        if sample.n:
            mean, scale = sample.moments.mean * metric.scale, metric.scale
            margin = sample.moments.margin(analysis.options.alpha) * scale
            text = metric.shown(mean / scale)
            text += "" if math.isnan(margin) else f" ± {metric.shown(margin / scale)}"
            found = None if math.isnan(margin) else (mean - margin, mean + margin)
            bars.append(Bar(labels[arm.treatment], colour, mean, found, text))
    axis = _axis(metric)
    return both(lambda width: bar_plot(bars, axis, width)) if bars else {}


def followed(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """The effect after each period, a panel per treatment."""
    aggregates = analysis.aggregates
    bands = []
    for colour, arm in enumerate(aggregates.arms):
        some = analysis.looks.get(arm.treatment, ())
        if len(some) > 1:
            columns = np.array(
                [
                    (look.effect, look.lower, look.upper, look.fixed_lower, look.fixed_upper)
                    for look in some
                ]
            ).T
            bands.append(Band(labels[arm.treatment], colour, *columns))
    if not bands:
        return {}
    followed_rows = aggregates.progress[analysis.primary.name].rows
    form, length = _MOMENTS[aggregates.period_name], PERIODS[aggregates.period_name]
    names = [
        f"{datetime.fromtimestamp(period * length / 1000, UTC):{form}}"
        for period in sorted(set(followed_rows["period"].tolist()))
    ]
    axis = f"end of the {aggregates.period_name}, UTC"
    return both(lambda width: band_plot(bands, names, axis, width))


def per_user(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """How the first primary metric is spread over users; nothing where it is only yes or no."""
    samples, metric, is_spread = [], analysis.primary, False
    for colour, arm in enumerate(analysis.aggregates.arms):
        sample = _sample(analysis, arm.treatment)
        has = sample.below != 0
        values = metric.scale * sample.above[has] / sample.below[has]
        if len(values):
            is_spread |= bool(((values > values.min()) & (values < values.max())).any())
            points, counts = np.unique(np.quantile(values, _CURVE), return_counts=True)
            samples.append(Steps(labels[arm.treatment], colour, points, counts.astype(np.float64)))
    if not is_spread:
        return {}
    axis = f"{_axis(metric)}, of a user"
    return both(lambda width: at_least_plot(samples, axis, width)) if samples else {}


def finished(aggregates: Aggregates, treatment: str) -> pd.DataFrame:
    """Rows of `lengths` of the finished sessions of a treatment."""
    lengths = aggregates.lengths
    return lengths[(lengths["treatment"] == treatment) & (lengths["finished"] == 1)]


def lengths(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """How long sessions last."""
    samples = []
    for colour, arm in enumerate(analysis.aggregates.arms):
        own = finished(analysis.aggregates, arm.treatment)
        if len(own):
            columns = (own[name].to_numpy(np.float64) for name in ("length", "sessions"))
            samples.append(Steps(labels[arm.treatment], colour, *columns))
    axis = "tracks in the session"
    return both(lambda width: at_least_plot(samples, axis, width)) if samples else {}


def by_segment(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """The effect among less and more active users."""
    bars = [
        Bar(
            f"{labels[arm.treatment]}, {segment.name} ({segment.users:,} users)",
            colour,
            segment.effect,
            (segment.lower, segment.upper),
            f"{percent(segment.effect)} ({interval(segment.lower, segment.upper)})",
        )
        for colour, arm in enumerate(analysis.aggregates.arms)
        for segment in analysis.segments.get(arm.treatment, ())
    ]
    return _effects(analysis, bars, labels)


def by_version(analysis: Analysis, labels: Mapping[str, str]) -> Picture:
    """The effect while each set of models was in service."""
    bars = []
    for colour, arm in enumerate(analysis.aggregates.arms):
        for span in analysis.versions.get(arm.treatment, ()):
            row = span.comparison
            if row.change is None:
                continue
            since = "at first" if span.since is None else f"from {moment(span.since)}"
            users = f"{row.users[1]:,} users against {row.users[0]:,}"
            ends = "no interval" if row.relative is None else interval(*row.relative)
            bars.append(
                Bar(
                    f"{labels[arm.treatment]}, {since} ({users})",
                    colour,
                    row.change,
                    row.relative,
                    f"{percent(row.change)} ({ends})",
                )
            )
    return _effects(analysis, bars, labels)


def _effects(analysis: Analysis, bars: Sequence[Bar], labels: Mapping[str, str]) -> Picture:
    if not bars:
        return {}
    axis = f"effect on {analysis.primary.called}, % of {labels[analysis.control]}"
    return {
        "wide": bar_plot(bars, axis, WIDE, zero=True),
        # A phone has no room for the numbers beside the names.
        "narrow": bar_plot(
            [Bar(bar.label, bar.colour, bar.value, bar.interval, "") for bar in bars],
            axis,
            NARROW,
            zero=True,
        ),
    }


def _sample(analysis: Analysis, treatment: str) -> Sample:
    return Sample(*analysis.primary.sums(analysis.aggregates.of(treatment)))


def _axis(metric: Metric) -> str:
    return metric.called + (f",{metric.unit}" if metric.unit else "")


def both(draw: Callable[[float], str]) -> Picture:
    """The same for a desk and for a phone."""
    return {"wide": draw(WIDE), "narrow": draw(NARROW)}
