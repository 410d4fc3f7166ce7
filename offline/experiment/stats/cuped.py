"""CUPED: users' values before the experiment explain part of their variance.

A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled Experiments
by Utilizing Pre-Experiment Data", WSDM 2013: y' = y − θ (x − mean(x)), with x the same metric of
the same user in the period before, and θ = cov(x, y) / var(x). The effect is that of least squares
on arm and x, and its variance is the HC2 of J. MacKinnon, H. White, "Some
Heteroskedasticity-Consistent Covariance Matrix Estimators", J. Econometrics 29, 1985: where few
users have most of x, they dominate θ, and their residuals are too small.
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
"""Users of each arm with a period before; θ of fewer is noise."""


@dataclass(frozen=True)
class Adjusted:
    """Both arms after the adjustment, and the share of the effect's variance that it took."""

    control: Moments
    treated: Moments
    """Their variances are their parts of the variance of the difference."""
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
        arms = [
            Moments(arm.n, arm.mean, variance)
            for arm, variance in zip((self.control, self.treated), self.joint, strict=False)
        ]
        if times is None:
            times = quantile(self.control, self.treated, alpha)
        return relative_interval(arms[0], arms[1], times, self.joint[2])


@dataclass(frozen=True, eq=False)
class _ArmUsers:
    """One arm's users; arrays of shape (n,)."""

    y: Floats
    x: Floats
    """Centred on the mean over both arms; 0 for a user without a value before."""
    known: Floats
    """1 for a user with one."""
    effective: float
    """See `Sample.effective`."""
    inflation: Floats
    """Of a user's residual, for the share of y's denominators: see `Sample.inflation`."""

    def deviations(self) -> Floats:
        """Deviation of x from the arm's own mean; 0 if x is unknown."""
        found: Floats = (self.x - self.x.sum() / self.known.sum()) * self.known
        return found


def adjust(control: Sample, treated: Sample) -> Adjusted | None:
    """Adjust the contributions of each arm's users by what they were `before`.

    Users unknown then stay as they are. θ comes from within the arms, so that the effect has no
    part in it. None if x explains nothing: too few users have it, or all have the same value.
    """
    pairs = [_known(arm) for arm in (control, treated)]
    if any(pair is None for pair in pairs):
        return None
    y, x, inflation = zip(*(pair for pair in pairs if pair is not None), strict=True)
    known = [~np.isnan(some) for some in x]
    if min(int(some.sum()) for some in known) < FEWEST:
        return None
    every = np.concatenate([values[some] for values, some in zip(x, known, strict=True)])
    arms = [
        _ArmUsers(
            y[i],
            np.where(known[i], x[i] - every.mean(), 0.0),
            known[i] * 1.0,
            arm.effective,
            inflation[i],
        )
        for i, arm in enumerate((control, treated))
    ]
    spread = sum(float(arm.deviations() @ arm.deviations()) for arm in arms)
    if spread <= 1e-18 * float(every @ every):
        return None
    theta = sum(float(arm.deviations() @ arm.y) for arm in arms) / spread
    was = control.moments.variance_of_mean + treated.moments.variance_of_mean
    if not was > 0:
        return None
    apart = float(arms[1].x.mean() - arms[0].x.mean())
    control_arm, treated_arm = arms
    after = [
        _moments(control_arm, theta, spread, -apart),
        _moments(treated_arm, theta, spread, apart),
    ]
    return Adjusted(
        after[0],
        after[1],
        1 - sum(arm.variance_of_mean for arm in after) / was,
        len(every) / sum(arm.n for arm in after),
        _joint(arms, after, theta, spread),
        (Sample.of(arms[0].y - theta * arms[0].x), Sample.of(arms[1].y - theta * arms[1].x)),
    )


def _known(arm: Sample) -> tuple[Floats, Floats, Floats] | None:
    """y, x and the inflation of the users that have y; None where there is no period before."""
    if arm.before is None:
        return None
    some = ~np.isnan(arm.contributions)
    return arm.contributions[some], arm.before[some], arm.inflation[some]


def _moments(arm: _ArmUsers, theta: float, spread: float, apart: float) -> Moments:
    """Mean of y', and what this arm adds to the variance of the effect.

    `apart` is how far this arm's mean of x is above the other's: by so much θ's own uncertainty
    counts.
    """
    n = len(arm.y)
    values = arm.y - theta * arm.x
    mean = float(values.mean())
    deviations = arm.deviations()
    leverage = 1 / n + deviations**2 / spread
    left = (values - mean) / np.sqrt(1 - np.minimum(leverage, 0.99)) * arm.inflation
    influence = left * (1 / n - apart * deviations / spread)
    return Moments(n, mean, float(influence @ influence), arm.effective)


def _joint(
    arms: list[_ArmUsers], after: list[Moments], theta: float, spread: float
) -> tuple[float, float, float]:
    """Variances and covariance of the two adjusted means, mean(x) taken as the estimate it is."""
    users = [float(arm.known.sum()) for arm in arms]
    n = sum(users)
    shares = [float(arm.known.mean()) for arm in arms]
    noise = theta**2 * spread / n**2
    # The residual may still correlate with x within one arm, as θ is fitted to both together.
    left = [
        theta * float(arm.deviations() @ (arm.y - theta * arm.x)) / known / n
        for arm, known in zip(arms, users, strict=True)
    ]
    variances = [
        arm.variance_of_mean + share**2 * (noise + 2 * slope)
        for arm, share, slope in zip(after, shares, left, strict=True)
    ]
    covariance = shares[0] * shares[1] * (noise + sum(left))
    return variances[0], variances[1], covariance
