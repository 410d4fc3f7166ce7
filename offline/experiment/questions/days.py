"""The effect by day, and by days since a user's first line: whether it fades or grows.

A user is in each day on which a session of that user began. Days share users, so whether the
effect drifts is tested with the user as the unit: the slope of the daily effects over the days is
a linear function of the daily means, so each user's contribution to it is known (the
cluster-robust variance of K.-Y. Liang, S. Zeger, "Longitudinal data analysis using generalized
linear models", Biometrika 73, 1986).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from offline.experiment.metrics import Floats
from offline.experiment.questions.parts import Against, Part, part_of
from offline.experiment.stats.effects import relative_change, relative_interval
from offline.experiment.stats.sample import Sample

SUMS = ("above", "below")
FEWEST = 30
"""Users of each arm that a day must have to count for the drift."""


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
    """None where fewer than three days have FEWEST users in each arm."""


def by_day(days: pd.DataFrame, treatment: str, against: Against) -> ByDay:
    """`days` has a metric's sums: `user_id`, `treatment`, `day`, `above` and `below`."""
    found, compared = [], []
    days = days.sort_values("day", kind="stable")
    arms = [_Arm.of(days[days["treatment"] == name]) for name in (against.control, treatment)]
    numbers = np.unique(days["day"].to_numpy(np.int64))
    for number in numbers:
        (control, mine), (treated, theirs) = (arm.on(number, against) for arm in arms)
        found.append(part_of(str(number), treatment, against, control, treated))
        compared.append((int(number), (control, treated), [mine, theirs]))
    drift = _drift_of(compared, against.alpha)
    return ByDay(treatment, against.metric.name, tuple(map(int, numbers)), tuple(found), drift)


class _Arm(NamedTuple):
    """An arm's rows in the order of days, a column each; shape (n,)."""

    days: np.ndarray
    users: np.ndarray
    above: Floats
    below: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "_Arm":
        above, below = (rows[name].to_numpy(np.float64, na_value=np.nan) for name in SUMS)
        return cls(rows["day"].to_numpy(np.int64), rows["user_id"].to_numpy(object), above, below)

    def on(self, day: int, against: Against) -> tuple[Sample, np.ndarray]:
        """The sums of a day, and their users."""
        rows = slice(*np.searchsorted(self.days, [day, day + 1]))
        sums = against.metric.combined(self.above[rows], self.below[rows])
        return Sample(*sums), self.users[rows]


_Day = tuple[int, tuple[Sample, Sample], list[np.ndarray]]


def _drift_of(days: list[_Day], alpha: float) -> Drift | None:
    used = [
        day
        for day in days
        if min(arm.n for arm in day[1]) >= FEWEST
        and any(arm.moments.variance_of_mean > 0 for arm in day[1])
    ]
    if len(used) < 3:
        return None
    numbers = np.array([number for number, _, _ in used], np.float64)
    sizes = np.array([[arm.n for arm in arms] for _, arms, _ in used], np.float64)
    slopes = slope_weights(numbers, sizes.prod(axis=1) / sizes.sum(axis=1))
    relative = all(
        relative_interval(control.moments, treated.moments) is not None
        for _, (control, treated), _ in used
    )
    slope, variance = 0.0, 0.0
    for place in (0, 1):
        names, parts = [], []
        for weight, (_, arms, users) in zip(slopes, used, strict=True):
            control, treated = (arm.moments.mean for arm in arms)
            factor = -1.0 if place == 0 else 1.0
            if relative:
                factor = 100 / abs(control)
                factor *= -treated / control if place == 0 else 1.0
            names.append(users[place])
            parts.append(weight * factor * _influence(arms[place]))
        places, _ = pd.factorize(np.concatenate(names))
        sums = np.bincount(places, np.concatenate(parts))
        variance += float(sums @ sums) * len(sums) / (len(sums) - 1)
    for weight, (_, arms, _) in zip(slopes, used, strict=True):
        control, treated = (arm.moments.mean for arm in arms)
        change = relative_change(control, treated) if relative else treated - control
        assert change is not None
        slope += weight * change
    if not variance > 0:
        return None
    error = math.sqrt(variance)
    half = float(special.ndtri(1 - alpha / 2)) * error
    p = float(2 * special.ndtr(-abs(slope) / error))
    return Drift(len(used), float(slope), float(slope - half), float(slope + half), p, relative)


def slope_weights(x: Floats, weights: Floats) -> Floats:
    """The coefficient of each y in the slope of weighted least squares of y on x; shape (n,)."""
    centred = x - np.average(x, weights=weights)
    found: Floats = weights * centred / float(weights @ centred**2)
    return found


def _influence(arm: Sample) -> Floats:
    """Each user's contribution to the value: (above − value × below) / sum(below), shape (n,)."""
    found: Floats = (arm.above - arm.moments.mean * arm.below) / arm.below.sum()
    return found
