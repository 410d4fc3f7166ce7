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

from offline.experiment.effects import Moments, quantile, relative_interval
from offline.experiment.metrics import Floats

_FEWEST = 20
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

    def relative(self) -> tuple[float, float] | None:
        """Interval of 100 × (treated / control − 1); None where it is undefined."""
        sides = [
            Moments(side.n, side.mean, variance)
            for side, variance in zip((self.control, self.treated), self.joint, strict=False)
        ]
        times = quantile(self.control, self.treated)
        return relative_interval(sides[0], sides[1], times, self.joint[2])


@dataclass(frozen=True, eq=False)
class _Side:
    """One side's users; arrays of shape (n,)."""

    y: Floats
    x: Floats
    """Centred on the mean over both sides; 0 for a user who was not there before."""
    known: Floats
    """1 for a user who was."""

    def deviations(self) -> Floats:
        """Of x from the side's own mean; 0 where it is not known."""
        found: Floats = (self.x - self.x.sum() / self.known.sum()) * self.known
        return found


def adjust(control: tuple[Floats, Floats], treated: tuple[Floats, Floats]) -> Adjusted | None:
    """Adjust each side's (y, x), both of shape (n,); x is NaN for a user who was not there before.

    Users without x stay as they are. θ comes from within the sides, so that the effect has no
    part in it. None where x says nothing: too few users have it, or all have the same.
    """
    pairs = [(y[~np.isnan(y)], x[~np.isnan(y)]) for y, x in (control, treated)]
    known = [~np.isnan(x) for _, x in pairs]
    if min(int(some.sum()) for some in known) < _FEWEST:
        return None
    every = np.concatenate([x[some] for (_, x), some in zip(pairs, known, strict=True)])
    sides = [
        _Side(y, np.where(some, x - every.mean(), 0.0), some.astype(np.float64))
        for (y, x), some in zip(pairs, known, strict=True)
    ]
    spread = sum(float(side.deviations() @ side.deviations()) for side in sides)
    if spread <= 1e-18 * float(every @ every):
        return None
    theta = sum(float(side.deviations() @ side.y) for side in sides) / spread
    before = [Moments.of(side.y) for side in sides]
    was = sum(side.variance_of_mean for side in before)
    if not was:
        return None
    apart = float(sides[1].x.mean() - sides[0].x.mean())
    control_side, treated_side = sides
    after = [
        _moments(control_side, theta, spread, -apart),
        _moments(treated_side, theta, spread, apart),
    ]
    reduction = 1 - sum(side.variance_of_mean for side in after) / was
    share = len(every) / sum(side.n for side in after)
    return Adjusted(after[0], after[1], reduction, share, _joint(sides, after, theta, spread))


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
    left = (values - mean) / np.sqrt(1 - np.minimum(leverage, 0.99))
    influence = left * (1 / n - apart * deviations / spread)
    return Moments(n, mean, float(influence @ influence))


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
