"""CUPED: what users did before the experiment explains part of how they differ.

A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled Experiments
by Utilizing Pre-Experiment Data", WSDM 2013: y' = y − θ (x − mean(x)), with x the same metric of
the same user in the period before, and θ = cov(x, y) / var(x).
"""

from dataclasses import dataclass

import numpy as np

from offline.experiment.effects import Moments
from offline.experiment.metrics import Floats

_FEWEST = 20
"""Users of each side with a period before; θ of fewer is noise."""


@dataclass(frozen=True)
class Adjusted:
    """Both sides after the adjustment, and the share of the effect's variance that it took."""

    control: Moments
    treated: Moments
    reduction: float
    known: float
    """Share of the users that have a period before."""


def adjust(control: tuple[Floats, Floats], treated: tuple[Floats, Floats]) -> Adjusted | None:
    """Adjust each side's (y, x), both of shape (n,); x is NaN for a user who was not there before.

    Users without x stay as they are. θ comes from within the sides, so that the effect has no
    part in it. None where x says nothing: too few users have it, or all have the same.
    """
    sides = [(y[~np.isnan(y)], x[~np.isnan(y)]) for y, x in (control, treated)]
    known = [~np.isnan(x) for _, x in sides]
    if min(int(some.sum()) for some in known) < _FEWEST:
        return None
    both = [(y[some], x[some]) for (y, x), some in zip(sides, known, strict=True)]
    deviations = [x - x.mean() for _, x in both]
    spread = sum(float(some @ some) for some in deviations)
    if spread <= 1e-18 * sum(float(x @ x) for _, x in both):
        return None
    shared = sum(
        float(some @ (y - y.mean())) for some, (y, _) in zip(deviations, both, strict=True)
    )
    theta = shared / spread
    middle = float(np.concatenate([x for _, x in both]).mean())
    before, after = [], []
    for (y, x), some in zip(sides, known, strict=True):
        before.append(Moments.of(y))
        after.append(Moments.of(y - theta * np.where(some, x - middle, 0.0)))
    was = sum(side.variance_of_mean for side in before)
    if not was:
        return None
    reduction = 1 - sum(side.variance_of_mean for side in after) / was
    share = sum(int(some.sum()) for some in known) / sum(len(some) for some in known)
    return Adjusted(after[0], after[1], reduction, share)
