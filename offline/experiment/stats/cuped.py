"""CUPED: what users did before the experiment explains part of how they differ.

A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled Experiments
by Utilizing Pre-Experiment Data", WSDM 2013: y' = y − θ (x − mean(x)), with x the same metric of
the same user in the period before, and θ = cov(x, y) / var(x). The effect is that of least squares
on side and x, and its variance is the HC2 of J. MacKinnon, H. White, "Some
Heteroskedasticity-Consistent Covariance Matrix Estimators", J. Econometrics 29, 1985: where few
users have most of x, they draw θ to themselves, and what is left of them looks too small.
"""

from dataclasses import dataclass

import numpy as np

from offline.experiment.metrics import Floats
from offline.experiment.stats.effects import (
    ALPHA,
    Moments,
    quantile,
    relative_change,
    relative_interval,
)
from offline.experiment.stats.sample import Sample

FEWEST = 20
"""Users of each side with a period before; θ of fewer is noise."""


@dataclass(frozen=True)
class Adjusted:
    """Both sides after the adjustment, and the share of the effect's variance that it took."""

    control: Moments
    treated: Moments
    """Their variances are what each adds to the variance of the difference."""
    reduction: float
    known: float
    """Share of the users that have a period before."""
    joint: tuple[float, float, float]
    """Variances of the two means, control first, and their covariance: mean(x) is in both."""
    samples: tuple[Sample, Sample]
    """The adjusted values of the users, control first."""

    @property
    def change(self) -> float | None:
        """100 × (treated / control − 1); None where it is undefined."""
        return relative_change(self.control.mean, self.treated.mean)

    def relative(
        self, times: float | None = None, alpha: float = ALPHA
    ) -> tuple[float, float] | None:
        """Interval of 100 × (treated / control − 1); None where it is undefined.

        `times` multiplies the standard errors (default: Welch's quantile).
        """
        sides = [
            Moments(side.n, side.mean, variance)
            for side, variance in zip((self.control, self.treated), self.joint, strict=False)
        ]
        if times is None:
            times = quantile(self.control, self.treated, alpha)
        return relative_interval(sides[0], sides[1], times, self.joint[2])


@dataclass(frozen=True, eq=False)
class _Side:
    """One side's users; arrays of shape (n,)."""

    y: Floats
    x: Floats
    """Centred on the mean over both sides; 0 for a user who was not there before."""
    known: Floats
    """1 for a user who was."""
    effective: float
    """See `Sample.effective`."""
    inflation: Floats
    """Of a user's residual, for the share of y's denominators: see `Sample.inflation`."""

    def deviations(self) -> Floats:
        """Of x from the side's own mean; 0 where it is not known."""
        found: Floats = (self.x - self.x.sum() / self.known.sum()) * self.known
        return found


def adjust(control: Sample, treated: Sample) -> Adjusted | None:
    """Adjust the contributions of each side's users by what they were `before`.

    Users unknown then stay as they are. θ comes from within the sides, so that the effect has no
    part in it. None where x says nothing: too few users have it, or all have the same.
    """
    pairs = [_known(side) for side in (control, treated)]
    if any(pair is None for pair in pairs):
        return None
    y, x, inflation = zip(*(pair for pair in pairs if pair is not None), strict=True)
    known = [~np.isnan(some) for some in x]
    if min(int(some.sum()) for some in known) < FEWEST:
        return None
    every = np.concatenate([values[some] for values, some in zip(x, known, strict=True)])
    sides = [
        _Side(
            y[i],
            np.where(known[i], x[i] - every.mean(), 0.0),
            known[i] * 1.0,
            side.effective,
            inflation[i],
        )
        for i, side in enumerate((control, treated))
    ]
    spread = sum(float(side.deviations() @ side.deviations()) for side in sides)
    if spread <= 1e-18 * float(every @ every):
        return None
    theta = sum(float(side.deviations() @ side.y) for side in sides) / spread
    was = control.moments.variance_of_mean + treated.moments.variance_of_mean
    if not was > 0:
        return None
    apart = float(sides[1].x.mean() - sides[0].x.mean())
    control_side, treated_side = sides
    after = [
        _moments(control_side, theta, spread, -apart),
        _moments(treated_side, theta, spread, apart),
    ]
    return Adjusted(
        after[0],
        after[1],
        1 - sum(side.variance_of_mean for side in after) / was,
        len(every) / sum(side.n for side in after),
        _joint(sides, after, theta, spread),
        (Sample.of(sides[0].y - theta * sides[0].x), Sample.of(sides[1].y - theta * sides[1].x)),
    )


def _known(side: Sample) -> tuple[Floats, Floats, Floats] | None:
    """y, x and the inflation of the users that have y; None where there is no period before."""
    if side.before is None:
        return None
    some = ~np.isnan(side.contributions)
    return side.contributions[some], side.before[some], side.inflation[some]


def _moments(side: _Side, theta: float, spread: float, apart: float) -> Moments:
    """Mean of y', and what this side adds to the variance of the effect.

    `apart` is how far this side's mean of x is above the other's: by so much θ's own uncertainty
    counts.
    """
    n = len(side.y)
    values = side.y - theta * side.x
    mean = float(values.mean())
    deviations = side.deviations()
    leverage = 1 / n + deviations**2 / spread
    left = (values - mean) / np.sqrt(1 - np.minimum(leverage, 0.99)) * side.inflation
    influence = left * (1 / n - apart * deviations / spread)
    return Moments(n, mean, float(influence @ influence), side.effective)


def _joint(
    sides: list[_Side], after: list[Moments], theta: float, spread: float
) -> tuple[float, float, float]:
    """Variances and covariance of the two adjusted means, mean(x) taken as the estimate it is."""
    users = [float(side.known.sum()) for side in sides]
    n = sum(users)
    shares = [float(side.known.mean()) for side in sides]
    noise = theta**2 * spread / n**2
    # What is left of y may still go with x on a side by itself: θ is that of both together.
    left = [
        theta * float(side.deviations() @ (side.y - theta * side.x)) / known / n
        for side, known in zip(sides, users, strict=True)
    ]
    variances = [
        side.variance_of_mean + share**2 * (noise + 2 * slope)
        for side, share, slope in zip(after, shares, left, strict=True)
    ]
    covariance = shares[0] * shares[1] * (noise + sum(left))
    return variances[0], variances[1], covariance
