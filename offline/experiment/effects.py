"""The effect table: each treatment against the control, metric by metric.

The unit is the user: one value per user and metric. The interval is Welch's, for unequal variances
(B. L. Welch, "The generalization of Student's problem when several different population variances
are involved", Biometrika 34, 1947), divided by the control mean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from offline.experiment.aggregate import CONTROL, METRICS, Aggregates

CONFIDENCE = 0.95
NO_SPREAD = 1e-12
"""Values closer than this, relative to their mean, are equal: rounding is no variation."""


@dataclass(frozen=True)
class Effect:
    """A row of the effect table, in the table's order; percentages of the control mean.

    What cannot be computed is None, and `note` says why.
    """

    treatment: str
    metric: str
    effect: float | None
    upper: float | None
    lower: float | None
    control_mean: float | None
    treatment_mean: float | None
    significant: bool
    note: str = ""


@dataclass(frozen=True)
class Moments:
    """Mean of a metric over users, with what its uncertainty needs."""

    n: int
    mean: float
    variance_of_mean: float
    """Sample variance / n; NaN for fewer than two users, 0 where all have the same value."""

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Moments":
        sample = np.asarray(values, np.float64)
        if not len(sample):
            return cls(0, math.nan, math.nan)
        mean = float(sample.mean())
        if len(sample) == 1:
            return cls(1, mean, math.nan)
        if np.ptp(sample) <= NO_SPREAD * abs(mean):
            return cls(len(sample), mean, 0.0)
        return cls(len(sample), mean, float(sample.var(ddof=1)) / len(sample))

    def margin(self) -> float:
        """Half the width of the mean's own confidence interval (Student's t); NaN for one user."""
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, max(self.n - 1, 1))
        return float(quantile * math.sqrt(self.variance_of_mean))


def effect_table(aggregates: Aggregates) -> tuple[Effect, ...]:
    """Every treatment but the control, with every metric, in the order of arms and METRICS."""
    return tuple(
        compare(
            arm.treatment,
            metric,
            Moments.of(aggregates.values(CONTROL, metric)),
            Moments.of(aggregates.values(arm.treatment, metric)),
        )
        for arm in aggregates.arms
        if arm.treatment != CONTROL
        for metric in METRICS
    )


def compare(treatment: str, metric: str, control: Moments, treated: Moments) -> Effect:
    """One row: effect = 100 × (treatment mean / control mean − 1) and its Welch interval."""
    sides = {CONTROL: control, treatment: treated}
    row = Effect(
        treatment=treatment,
        metric=metric,
        effect=None,
        upper=None,
        lower=None,
        control_mean=control.mean if control.n else None,
        treatment_mean=treated.mean if treated.n else None,
        significant=False,
    )
    if empty := [name for name, side in sides.items() if not side.n]:
        return replace(row, note=f"no user of {' or '.join(empty)} has a value")
    difference = treated.mean - control.mean
    if abs(difference) <= NO_SPREAD * abs(control.mean):
        difference = 0.0
    half = welch_margin(control, treated)
    if control.mean == 0:
        note = f"the control mean is 0: no relative effect; difference {difference:.4g}"
        if not math.isnan(half):
            note += f" ({difference - half:.4g} to {difference + half:.4g})"
        return replace(row, note=note)
    scale = 100 / control.mean
    row = replace(row, effect=difference * scale)
    if math.isnan(half):
        alone = " and ".join(name for name, side in sides.items() if side.n == 1)
        return replace(row, note=f"only 1 user in {alone}: no interval")
    return replace(
        row,
        upper=(difference + half) * scale,
        lower=(difference - half) * scale,
        significant=abs(difference) > half,
        note="" if half else "all users of a side have the same value: no width to the interval",
    )


def welch_margin(control: Moments, treated: Moments) -> float:
    """Half the width of Welch's interval for treated.mean − control.mean; NaN if undefined."""
    variance = control.variance_of_mean + treated.variance_of_mean
    if variance == 0 or math.isnan(variance):
        return variance
    freedom = variance**2 / sum(
        side.variance_of_mean**2 / (side.n - 1) for side in (control, treated)
    )
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * math.sqrt(variance))


COLUMNS = [field.name for field in fields(Effect) if field.name != "note"]
"""The eight columns of the protocol, in its order."""


def as_frame(effects: Sequence[Effect]) -> pd.DataFrame:
    """The table as the protocol has it: its eight columns in their order, no note."""
    return pd.DataFrame(
        [[getattr(row, name) for name in COLUMNS] for row in effects], None, COLUMNS
    )
