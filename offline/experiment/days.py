"""The effect by day, and by days since a user's first line: whether it fades or grows.

A user is in each day on which a session of that user began. Days share users, so whether the
effect drifts is tested with the user as the unit: the slope of the daily effects over the days is
a linear function of the daily means, and each user's part in it is known (the cluster-robust
variance of K.-Y. Liang, S. Zeger, "Longitudinal data analysis using generalized linear models",
Biometrika 73, 1986).
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from offline.experiment.assignment import CONTROL
from offline.experiment.effects import CONFIDENCE, relative_interval
from offline.experiment.metrics import Floats, Metric
from offline.experiment.parts import Part, part_of, sample_of
from offline.experiment.sample import Sample

FEWEST = 30
"""Users of each side that a day must have to count for the drift."""


@dataclass(frozen=True)
class Drift:
    """How the effect changes from day to day."""

    days: int
    """That count for it."""
    slope: float
    """Percentage points of the control mean a day; in the metric's unit where not `relative`."""
    lower: float
    upper: float
    p: float
    relative: bool
    """False where the control mean of a day could be 0."""


@dataclass(frozen=True)
class ByDay:
    """One treatment in one metric; `parts` by day, in their order."""

    treatment: str
    metric: str
    days: tuple[int, ...]
    """Since the epoch, or since the users' own first line."""
    parts: tuple[Part, ...]
    drift: Drift | None
    """None where fewer than three days have FEWEST users on each side."""


def by_day(days: pd.DataFrame, treatment: str, metric: Metric) -> ByDay | None:
    """`days` has the columns of per_day.sql; None where these do not hold the metric's."""
    try:
        metric.sums(days)
    except KeyError:
        return None
    found, sides = [], []
    days = days.sort_values("day", kind="stable")
    every = days["day"].to_numpy(np.int64)
    numbers = np.unique(every)
    for number in numbers:
        rows = days.iloc[slice(*np.searchsorted(every, [number, number + 1]))]
        control, treated = (sample_of(rows, arm, metric) for arm in (CONTROL, treatment))
        found.append(part_of(str(number), treatment, metric.name, control, treated))
        users = [
            rows.loc[rows["treatment"] == arm, "user_id"].to_numpy(object)
            for arm in (CONTROL, treatment)
        ]
        sides.append((int(number), (control, treated), users))
    return ByDay(treatment, metric.name, tuple(map(int, numbers)), tuple(found), _drift_of(sides))


_Day = tuple[int, tuple[Sample, Sample], list[np.ndarray]]


def _drift_of(days: list[_Day]) -> Drift | None:
    used = [
        day
        for day in days
        if min(side.n for side in day[1]) >= FEWEST
        and any(side.moments.variance_of_mean > 0 for side in day[1])
    ]
    if len(used) < 3:
        return None
    numbers = np.array([number for number, _, _ in used], np.float64)
    sizes = np.array([[side.n for side in sides] for _, sides, _ in used], np.float64)
    slopes = slope_weights(numbers, sizes.prod(axis=1) / sizes.sum(axis=1))
    relative = all(
        relative_interval(control.moments, treated.moments) is not None
        for _, (control, treated), _ in used
    )
    slope, variance = 0.0, 0.0
    for arm in (0, 1):
        names, parts = [], []
        for weight, (_, sides, users) in zip(slopes, used, strict=True):
            control, treated = (side.moments.mean for side in sides)
            factor = -1.0 if arm == 0 else 1.0
            if relative:
                factor = -100 * treated / control**2 if arm == 0 else 100 / control
            names.append(users[arm])
            parts.append(weight * factor * _influence(sides[arm]))
        places, _ = pd.factorize(np.concatenate(names))
        sums = np.bincount(places, np.concatenate(parts))
        variance += float(sums @ sums) * len(sums) / (len(sums) - 1)
    for weight, (_, sides, _) in zip(slopes, used, strict=True):
        control, treated = (side.moments.mean for side in sides)
        slope += weight * (100 * treated / control if relative else treated - control)
    if not variance > 0:
        return None
    error = math.sqrt(variance)
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * error
    p = float(2 * stats.norm.sf(abs(slope) / error))
    return Drift(len(used), float(slope), float(slope - half), float(slope + half), p, relative)


def slope_weights(x: Floats, weights: Floats) -> Floats:
    """What each y counts in the slope of the weighted least squares of y on x; shape (n,)."""
    centred = x - np.average(x, weights=weights)
    found: Floats = weights * centred / float(weights @ centred**2)
    return found


def _influence(side: Sample) -> Floats:
    """What each user adds to the value: (above − value × below) / sum(below), shape (n,)."""
    found: Floats = (side.above - side.moments.mean * side.below) / side.below.sum()
    return found
