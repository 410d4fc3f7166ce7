"""Intervals that hold at every look at once, so that a person may look every day.

A normal mixture over the possible effects: H. Robbins, "Statistical methods related to the law of
the iterated logarithm", Ann. Math. Stat. 41, 1970; with a variance that is estimated, the mSPRT of
R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always Valid Inference", Operations Research 70, 2022,
and the asymptotic confidence sequence of I. Waudby-Smith et al., "Time-uniform central limit
theory", Ann. Stat. 52, 2024. With I = 1 / s², what is known at a look, the interval is

    effect ± s × sqrt((1 + ρ / I) × log((I + ρ) / (ρ α²)))

It is chosen over group-sequential bounds because those want the number of looks, and the end, told
before the start. Here the end need not be known; the price is width where it is.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from offline.experiment.aggregate import Aggregates
from offline.experiment.assignment import CONTROL
from offline.experiment.cuped import adjust
from offline.experiment.effects import CONFIDENCE, relative_interval, standard_error
from offline.experiment.metrics import Floats
from offline.experiment.sample import Sample

FEWEST = 50
"""Users that each side must have before the first look: the normal distribution must hold."""
TIGHTEST = 10.0
"""The interval is as narrow as can be where so many times the first look's knowledge is there."""


@dataclass(frozen=True)
class Look:
    """The effect as it stood at the end of a period, in percent of the control mean."""

    period: int
    effect: float
    lower: float
    upper: float
    """Always-valid."""
    fixed_lower: float
    fixed_upper: float
    """Of one look alone: what may not be peeked at."""
    times: float
    """What the standard error is multiplied with in the always-valid interval."""

    @property
    def excludes_zero(self) -> bool:
        return not self.lower <= 0 <= self.upper


def width(error: float, first_error: float, alpha: float) -> float:
    """What the standard error is multiplied with, given that of the first look."""
    # Tightest at I = TIGHTEST / first_error²: there I / ρ is this root, whatever the scale.
    root = float(-special.lambertw(-(alpha**2) / math.e, -1).real - 1)
    rho = TIGHTEST / first_error**2 / root
    share = rho * error**2
    return math.sqrt((1 + share) * math.log((1 + 1 / share) / alpha**2))


def looks(
    aggregates: Aggregates,
    treatment: str,
    before: Aggregates | None = None,
    limit: float = math.inf,
) -> tuple[Look, ...]:
    """The mean session time after each period, all that was logged until then taken together.

    The always-valid intervals of all treatments hold together (Bonferroni). With `before` they are
    those after CUPED, where the past says anything. `limit` caps the value of a user. The first
    look is the first with FEWEST users on each side; none where it never comes.
    """
    found: list[Look] = []
    first_error: float | None = None
    alpha = (1 - CONFIDENCE) / (len(aggregates.arms) - 1)
    for period, control, treated in _samples(aggregates.periods, treatment, before):
        known = _Known.of(control.capped(limit, math.inf), treated.capped(limit, math.inf))
        if min(control.n, treated.n) < FEWEST or known is None:
            continue
        first_error = first_error or known.error
        times = width(known.error, first_error, alpha)
        valid, fixed = known.interval(times), known.interval(None)
        if valid is not None and fixed is not None:
            found.append(Look(period, known.change, *valid, *fixed, times))
    return tuple(found)


@dataclass(frozen=True)
class _Known:
    """What a look has."""

    change: float
    error: float
    interval: Callable[[float | None], tuple[float, float] | None]

    @classmethod
    def of(cls, control: Sample, treated: Sample) -> "_Known | None":
        """None where there is no spread, or nothing to divide by."""
        sides = control.moments, treated.moments
        adjusted = adjust(control, treated)
        if adjusted is not None:
            sides = adjusted.control, adjusted.treated
        error = standard_error(*sides)
        if not error > 0 or not sides[0].mean:
            return None
        change = 100 * (sides[1].mean / sides[0].mean - 1)
        if adjusted is not None:
            return cls(change, error, adjusted.relative)
        return cls(change, error, lambda times: relative_interval(*sides, times))


def _samples(
    periods: pd.DataFrame, treatment: str, before: Aggregates | None
) -> Iterator[tuple[int, Sample, Sample]]:
    """After each period, the mean session time of each side's users that had a session by then."""
    sides = [
        _Running(periods[periods["treatment"] == name], before) for name in (CONTROL, treatment)
    ]
    for period in np.unique(np.concatenate([side.when for side in sides])):
        yield int(period), sides[0].after(period), sides[1].after(period)


class _Running:
    """A side's sums as its periods go by."""

    def __init__(self, rows: pd.DataFrame, before: Aggregates | None) -> None:
        """`rows` as in `Aggregates.periods`, of one treatment."""
        self.when = rows["period"].to_numpy()
        self._users, names = pd.factorize(rows["user_id"])
        self._past = None if before is None else _past(before, names)
        self._time = rows["total_time"].to_numpy(np.float64)
        self._sessions = rows["sessions"].to_numpy(np.float64)
        self._totals = np.zeros((2, len(names)))

    def after(self, period: int) -> Sample:
        """Everything up to the end of this period, which is later than the one before."""
        low, high = np.searchsorted(self.when, [period, period + 1])
        users = self._users[low:high]
        self._totals[0, users] += self._time[low:high]
        self._totals[1, users] += self._sessions[low:high]
        time, sessions = self._totals
        means = np.divide(time, sessions, out=np.zeros(len(time)), where=sessions > 0)
        return Sample(means, (sessions > 0).astype(np.float64), self._past)


def _past(before: Aggregates, user_ids: pd.Index) -> Floats:
    """Each user's mean session time in the period before; NaN for a user without one."""
    values = before.users.set_index("user_id")["mean_session_time"].reindex(user_ids)
    return values.to_numpy(np.float64)
