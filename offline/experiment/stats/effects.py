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
from scipy import special

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import CORE_METRICS

CONFIDENCE = 0.95
"""Of the effect table, whatever else is decided by."""
ALPHA = 0.05
"""Chance of a false alarm, of everything else, unless another is given."""
NO_SPREAD = 1e-12
"""Values closer than this, relative to their mean, are equal: rounding is no variation."""


@dataclass(frozen=True)
class Effect:
    """A row of the effect table, in the table's order; percentages of the control mean.

    Undefined values are None, and `note` has the reason.
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
    """Mean of a metric over users, with what its uncertainty needs.

    Examples
    --------
    >>> from offline.experiment import Moments
    >>> some = Moments.of([1.0, 2.0, 3.0])
    >>> some.n, some.mean, round(some.margin(), 2)
    (3, 2.0, 2.48)
    """

    n: int
    mean: float
    variance_of_mean: float
    """Sample variance / n; NaN for fewer than two users, 0 where all have the same value."""
    effective: float | None = None
    """Effective number of users for the variance; None: n, as weights are equal."""

    @classmethod
    def of(cls, values: npt.ArrayLike) -> "Moments":
        """Of one value per user, shape (n,), none of them NaN."""
        sample = np.asarray(values, np.float64)
        if not len(sample):
            return cls(0, math.nan, math.nan)
        mean = float(sample.mean())
        if len(sample) == 1:
            return cls(1, mean, math.nan)
        if np.ptp(sample) <= NO_SPREAD * abs(mean):
            return cls(len(sample), mean, 0.0)
        return cls(len(sample), mean, float(sample.var(ddof=1)) / len(sample))

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the variance."""
        return max((self.n if self.effective is None else self.effective) - 1, 1)

    def margin(self, alpha: float = ALPHA) -> float:
        """Half the width of the mean's own confidence interval (Student's t); NaN for one user."""
        quantile = special.stdtrit(self.degrees, 1 - alpha / 2)
        return float(quantile * math.sqrt(self.variance_of_mean))


def effect_table(aggregates: Aggregates) -> tuple[Effect, ...]:
    """The effect table: every treatment but the control, with each of CORE_METRICS.

    Parameters
    ----------
    aggregates : Aggregates

    Returns
    -------
    tuple of Effect
        In the order of arms and metrics; see `as_frame`.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import aggregate, effect_table
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> [row.metric for row in effect_table(aggregates)]
    ['sessions', 'mean_session_length', 'mean_session_time', 'mean_request_time']
    """
    return tuple(
        compare(
            arm.treatment,
            metric,
            Moments.of(aggregates.values(aggregates.control, metric)),
            Moments.of(aggregates.values(arm.treatment, metric)),
        )
        for arm in aggregates.arms
        if arm.treatment != aggregates.control
        for metric in CORE_METRICS
    )


def compare(
    treatment: str, metric: str, control: Moments, treated: Moments, against: str = CONTROL
) -> Effect:
    """One row: effect = 100 × (treatment mean / control mean − 1) and its Welch interval.

    Where the control mean is negative the percentages are of its size, so that more is always
    above 0. `against` is what the control is called.
    """
    arms = {against: control, treatment: treated}
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
    if empty := [name for name, arm in arms.items() if not arm.n]:
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
    scale = 100 / abs(control.mean)
    row = replace(row, effect=difference * scale)
    if math.isnan(half):
        alone = " and ".join(name for name, arm in arms.items() if arm.n == 1)
        return replace(row, note=f"only 1 user in {alone}: no interval")
    return replace(
        row,
        upper=(difference + half) * scale,
        lower=(difference - half) * scale,
        significant=abs(difference) > half,
        note="" if half else "all users of an arm have the same value: no width to the interval",
    )


def standard_error(control: Moments, treated: Moments) -> float:
    """Of treated.mean − control.mean; NaN if undefined."""
    return math.sqrt(control.variance_of_mean + treated.variance_of_mean)


def freedom(control: Moments, treated: Moments) -> float:
    """Welch-Satterthwaite degrees of freedom; NaN where there is no spread."""
    variance = control.variance_of_mean + treated.variance_of_mean
    if variance == 0 or math.isnan(variance):
        return math.nan
    return variance**2 / sum(arm.variance_of_mean**2 / arm.degrees for arm in (control, treated))


def quantile(control: Moments, treated: Moments, alpha: float = ALPHA) -> float:
    """Factor on the standard error in Welch's interval; NaN if undefined."""
    return float(special.stdtrit(freedom(control, treated), 1 - alpha / 2))


def relative_change(was: float, now: float) -> float | None:
    """100 × (now − was) / |was|; None where nothing was."""
    return 100 * (now - was) / abs(was) if was else None


def welch_margin(control: Moments, treated: Moments, alpha: float = ALPHA) -> float:
    """Half the width of Welch's interval for the difference of two means.

    B. L. Welch, "The generalization of Student's problem ...", Biometrika 34, 1947.

    Parameters
    ----------
    control, treated : Moments
    alpha : float, default 0.05
        Chance that the interval misses the true difference.

    Returns
    -------
    float
        In the unit of the values; NaN where an arm has fewer than two users.

    Examples
    --------
    >>> from offline.experiment import Moments, welch_margin
    >>> round(welch_margin(Moments.of([1.0, 2.0, 3.0]), Moments.of([2.0, 4.0, 6.0])), 2)
    4.16
    """
    error = standard_error(control, treated)
    return error if error == 0 or math.isnan(error) else quantile(control, treated, alpha) * error


def welch_p(control: Moments, treated: Moments) -> float:
    """Two-sided p-value of Welch's test of equal means; NaN if undefined."""
    error = standard_error(control, treated)
    difference = abs(treated.mean - control.mean)
    if error == 0:
        return float(difference <= NO_SPREAD * abs(control.mean))
    return float(2 * special.stdtr(freedom(control, treated), -difference / error))


def relative_interval(
    control: Moments,
    treated: Moments,
    times: float | None = None,
    shared: float = 0.0,
    alpha: float = ALPHA,
) -> tuple[float, float] | None:
    """Interval of 100 × (treated / control − 1), for the ratio of two estimated means.

    Of a negative control mean it is the change in percent of its size, as in `compare`.

    E. C. Fieller, "Some problems in interval estimation", JRSS B 16, 1954. `times` multiplies the
    standard errors (default: Welch's quantile), so the interval excludes 0 exactly when the
    interval of the difference does. `shared` is the covariance of the two means. The effect table
    takes the control mean as given instead, which is too narrow for positive effects. None if the
    control mean could be 0, or is undefined.
    """
    error = control.variance_of_mean + treated.variance_of_mean - 2 * shared
    if math.isnan(error) or control.mean == 0:
        return None
    if control.mean < 0:
        mirrored = replace(control, mean=-control.mean), replace(treated, mean=-treated.mean)
        found = relative_interval(*mirrored, times, shared, alpha)
        return None if found is None else (-found[1], -found[0])
    ratio = treated.mean / control.mean
    if error <= 0:
        return 100 * (ratio - 1), 100 * (ratio - 1)
    if times is None:
        times = quantile(control, treated, alpha)
    # The ratios with (treated − ratio × control)² <= times² × its variance.
    scale = times**2 / control.mean**2
    doubt = scale * control.variance_of_mean
    if doubt >= 1:
        return None
    middle = (ratio - scale * shared) / (1 - doubt)
    spread = middle**2 - (ratio**2 - scale * treated.variance_of_mean) / (1 - doubt)
    half = math.sqrt(max(spread, 0.0))
    return 100 * (middle - half - 1), 100 * (middle + half - 1)


COLUMNS = [field.name for field in fields(Effect) if field.name != "note"]
"""The eight columns of the protocol, in its order."""


def as_frame(effects: Sequence[Effect]) -> pd.DataFrame:
    """An effect table as a data frame with the protocol's eight columns.

    Parameters
    ----------
    effects : sequence of Effect

    Returns
    -------
    DataFrame
        Columns treatment, metric, effect, upper, lower (percent of the control mean),
        control_mean, treatment_mean, significant.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import aggregate, as_frame, effect_table
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> as_frame(effect_table(aggregates)).shape
    (4, 8)
    """
    return pd.DataFrame(
        [[getattr(row, name) for name in COLUMNS] for row in effects], None, COLUMNS
    )
