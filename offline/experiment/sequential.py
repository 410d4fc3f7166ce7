"""Always-valid intervals: they hold at all looks simultaneously, so daily looks are allowed.

A normal mixture over the possible effects: H. Robbins, "Statistical methods related to the law of
the iterated logarithm", Ann. Math. Stat. 41, 1970; with a variance that is estimated, the mSPRT of
R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always Valid Inference", Operations Research 70, 2022,
and the asymptotic confidence sequence of I. Waudby-Smith et al., "Time-uniform central limit
theory", Ann. Stat. 52, 2024. With the information I = 1 / s² of a look, the interval is

    effect ± s × sqrt((1 + ρ / I) × log((I + ρ) / (ρ α²)))

Group-sequential bounds need the number of looks and the end in advance. Here the end may be open;
where it is known, these intervals are wider.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import special

from offline.experiment.aggregates.metric_sql import Progress
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Floats, Metric
from offline.experiment.rows import past_of, rows_before
from offline.experiment.stats.capping import Cap
from offline.experiment.stats.cuped import adjust
from offline.experiment.stats.effects import (
    ALPHA,
    relative_change,
    relative_interval,
    standard_error,
)
from offline.experiment.stats.sample import Sample

FEWEST = 50
"""Users of each arm at the first look, for the normal approximation."""
TIGHTEST = 10.0
"""The interval is narrowest at this multiple of the first look's information."""


@dataclass(frozen=True)
class Look:
    """The effect at the end of a period, in percent of the control mean."""

    period: int
    effect: float
    lower: float
    upper: float
    """Always-valid."""
    fixed_lower: float
    fixed_upper: float
    """The fixed-horizon interval, valid at one look only."""
    times: float
    """Factor on the standard error in the always-valid interval."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the always-valid interval lies on one side of 0."""
        return not self.lower <= 0 <= self.upper


def width(error: float, first_error: float, alpha: float) -> float:
    """Factor on the standard error, given that of the first look."""
    # Tightest at I = TIGHTEST / first_error²: there I / ρ is this root, whatever the scale.
    root = float(-special.lambertw(-(alpha**2) / math.e, -1).real - 1)
    rho = TIGHTEST / first_error**2 / root
    share = rho * error**2
    return math.sqrt((1 + share) * math.log((1 + 1 / share) / alpha**2))


def looks(
    aggregates: Aggregates,
    treatment: str,
    metric: Metric,
    *,
    before: Aggregates | None = None,
    cuped: bool = False,
    cap: Cap | None = None,
    alpha: float = ALPHA,
) -> tuple[Look, ...]:
    """A primary metric after each period, from all events until then.

    The always-valid intervals of all treatments and primary metrics hold together (Bonferroni).
    With `cuped` they are adjusted if the past (of `before`, or of the metric's own column) has any
    correlation. `cap` is the metric's, over the whole experiment. The first look is the first with
    FEWEST users in each arm; without one the result is empty.
    """
    found: list[Look] = []
    first_error: float | None = None
    several = (len(aggregates.arms) - 1) * len(aggregates.metrics.primaries)
    arms = [
        _Running(aggregates, name, metric, before, cuped)
        for name in (aggregates.control, treatment)
    ]
    above, below = math.inf, math.inf
    if cap is not None and not cap.refused:
        above, below = cap.above, math.inf if cap.below is None else cap.below
    for period in np.unique(np.concatenate([arm.when for arm in arms])):
        control, treated = (arm.after(period).capped(above, below) for arm in arms)
        known = _Known.of(control, treated, alpha)
        if min(control.n, treated.n) < FEWEST or known is None:
            continue
        first_error = first_error or known.error
        times = width(known.error, first_error, alpha / several)
        valid, fixed = known.interval(times), known.interval(None)
        if valid is not None and fixed is not None:
            found.append(Look(int(period), known.change, *valid, *fixed, times))
    return tuple(found)


@dataclass(frozen=True)
class _Known:
    """The estimate at one look."""

    change: float
    error: float
    interval: Callable[[float | None], tuple[float, float] | None]

    @classmethod
    def of(cls, control: Sample, treated: Sample, alpha: float) -> "_Known | None":
        """None without spread, or if the control mean is 0."""
        arms = control.moments, treated.moments
        adjusted = adjust(control, treated)
        if adjusted is not None:
            arms = adjusted.control, adjusted.treated
        error = standard_error(*arms)
        change = relative_change(arms[0].mean, arms[1].mean)
        if not error > 0 or change is None:
            return None
        if adjusted is not None:
            return cls(change, error, partial(adjusted.relative, alpha=alpha))
        return cls(change, error, lambda times: relative_interval(*arms, times, alpha=alpha))


class _Running:
    """An arm's sums, period by period."""

    def __init__(
        self,
        aggregates: Aggregates,
        treatment: str,
        metric: Metric,
        before: Aggregates | None,
        cuped: bool,
    ) -> None:
        found: Progress = aggregates.progress[metric.name]
        rows = found.rows[found.rows["treatment"] == treatment]
        self._metric, self._whole = metric, found.whole
        self.when = rows["period"].to_numpy()
        self._users, names = pd.factorize(rows["user_id"])
        self._past: Floats | None = None
        if cuped and before is not None:
            self._past = past_of(rows_before(before, names), metric)
        elif cuped and metric.before is not None:
            own = aggregates.of(treatment).set_index("user_id")[metric.before]
            self._past = own.reindex(list(names)).to_numpy(np.float64)
        self._rows = rows[["above", "below"]].to_numpy(np.float64).T
        self._totals = np.zeros((2, len(names)))

    def after(self, period: int) -> Sample:
        """All sums up to the end of this period; periods must ascend from call to call."""
        low, high = np.searchsorted(self.when, [period, period + 1])
        users = self._users[low:high]
        if self._whole:
            self._totals[:, users] = self._rows[:, low:high]
        else:  # periods without a value add nothing
            self._totals[:, users] += np.nan_to_num(self._rows[:, low:high])
        above, below = self._totals
        if self._metric.denominator is None:
            seen = np.zeros(len(below))
            seen[self._users[:high][~np.isnan(self._rows[0, :high])]] = 1.0
            below = seen
        return Sample(*self._metric.combined(above, below), self._past)
