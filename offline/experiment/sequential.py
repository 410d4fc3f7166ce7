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
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from offline.experiment.aggregate import Aggregates
from offline.experiment.assignment import CONTROL
from offline.experiment.effects import (
    CONFIDENCE,
    Moments,
    quantile,
    relative_interval,
    standard_error,
)

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


def looks(aggregates: Aggregates, treatment: str) -> tuple[Look, ...]:
    """The mean session time after each period, all that was logged until then taken together.

    The always-valid intervals of all treatments hold together (Bonferroni).
    The first look is the first with FEWEST users on each side; none where it never comes.
    """
    found: list[Look] = []
    first_error: float | None = None
    alpha = (1 - CONFIDENCE) / (len(aggregates.arms) - 1)
    for period, control, treated in _moments(aggregates.periods, treatment):
        error = standard_error(control, treated)
        if min(control.n, treated.n) < FEWEST or not error > 0 or not control.mean:
            continue
        first_error = first_error or error
        valid = relative_interval(control, treated, width(error, first_error, alpha))
        fixed = relative_interval(control, treated, quantile(control, treated))
        if valid is not None and fixed is not None:
            effect = 100 * (treated.mean / control.mean - 1)
            found.append(Look(period, effect, *valid, *fixed))
    return tuple(found)


def _moments(periods: pd.DataFrame, treatment: str) -> Iterator[tuple[int, Moments, Moments]]:
    """After each period, the mean session time of each side's users that had a session by then."""
    sides = []
    for name in (CONTROL, treatment):
        rows = periods[periods["treatment"] == name]
        users, _ = pd.factorize(rows["user_id"])
        time, sessions = rows["total_time"].to_numpy(), rows["sessions"].to_numpy(np.float64)
        sides.append((rows["period"].to_numpy(), users, time, sessions))
    totals = [np.zeros((2, users.max(initial=-1) + 1)) for _, users, _, _ in sides]
    for period in np.unique(np.concatenate([side[0] for side in sides])):
        now = []
        for (when, users, time, sessions), total in zip(sides, totals, strict=True):
            low, high = np.searchsorted(when, [period, period + 1])
            total[0, users[low:high]] += time[low:high]
            total[1, users[low:high]] += sessions[low:high]
            ended = total[1] > 0
            now.append(Moments.of(total[0, ended] / total[1, ended]))
        yield int(period), now[0], now[1]
