"""A row of the comparison in the metric's own unit."""

import math
from dataclasses import dataclass

from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import freedom, standard_error, welch_margin


@dataclass(frozen=True)
class Absolute:
    """Treatment − control in the metric's unit; None where it is undefined.

    Always from Welch's test, on CUPED-adjusted values if the verdict uses CUPED; for ratios with
    HC3 variances. If a permutation test is used, only the relative interval is from it.
    """

    difference: float | None
    lower: float | None = None
    upper: float | None = None
    standard_error: float | None = None
    """Of the difference."""
    degrees_of_freedom: float | None = None
    """Welch-Satterthwaite."""


def absolute(row: Comparison) -> Absolute:
    """The row's difference, with what its interval is made of."""
    if row.moments is None:
        control, treated = row.effect.control_mean, row.effect.treatment_mean
        return Absolute(None if control is None or treated is None else treated - control)
    control_arm, treated_arm = row.moments
    difference = treated_arm.mean - control_arm.mean
    half = welch_margin(control_arm, treated_arm, row.alpha)
    if not math.isfinite(half):
        return Absolute(difference)
    degrees = freedom(control_arm, treated_arm)
    return Absolute(
        difference,
        difference - half,
        difference + half,
        standard_error(control_arm, treated_arm),
        None if math.isnan(degrees) else degrees,
    )
