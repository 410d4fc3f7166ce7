"""Off-policy estimators: the value of a target policy from the decisions of another one.

Arguments are arrays of shape (n,), one entry per logged decision: `weights` w = target chance /
logged propensity of the track that was recommended, `rewards` r, `users` numbers from 0. Values
are in the unit of the rewards. The unit of the intervals is the user, as the decisions of one user
are not independent: each estimate is a ratio of sums over users, with the delta-method variance of
such a ratio (W. G. Cochran, "Sampling Techniques", 3rd ed. 1977, section 6.4).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from offline.metrics.intervals import Estimate
from offline.off_policy.decisions import Floats, Ints

CONFIDENCE = 0.95


def mean_reward(rewards: Floats, users: Ints) -> Estimate:
    """The value of the logging policy itself: the mean reward."""
    return ratio_over_users(rewards, np.ones(len(rewards)), users)


def ips(weights: Floats, rewards: Floats, users: Ints) -> Estimate:
    """Inverse propensity score, the mean of w r (Horvitz & Thompson, JASA 1952)."""
    return ratio_over_users(weights * rewards, np.ones(len(rewards)), users)


def snips(weights: Floats, rewards: Floats, users: Ints) -> Estimate:
    """Self-normalised IPS, sum of w r / sum of w (Swaminathan & Joachims, NeurIPS 2015).

    NaN where no weight is above 0.
    """
    return ratio_over_users(weights * rewards, weights, users)


def direct_method(expected: Floats, users: Ints) -> Estimate:
    """The mean expected reward under the target, by a reward model.

    Its interval covers the contexts alone, not the error of the model.
    """
    return ratio_over_users(expected, np.ones(len(expected)), users)


def doubly_robust(
    weights: Floats, rewards: Floats, predicted: Floats, expected: Floats, users: Ints
) -> Estimate:
    """The mean of q(target) + w (r - q(logged)) (Dudik, Langford & Li, ICML 2011).

    `predicted` is the model's reward of the recommended track, `expected` its mean under the
    target; both must come from a model that did not see this decision's reward.
    """
    corrected = expected + weights * (rewards - predicted)
    return ratio_over_users(corrected, np.ones(len(rewards)), users)


def ratio_over_users(numerators: Floats, denominators: Floats, users: Ints) -> Estimate:
    """Sum of the numerators / sum of the denominators, and half its 95 % interval (Student's t).

    Denominators are not negative. NaN where they sum to 0; an infinite half-width where only one
    user has a part in them.
    """
    total = float(denominators.sum())
    if total == 0:
        return Estimate(np.nan, np.nan)
    value = float(numerators.sum()) / total
    # A user whose denominators are 0, as is common for SNIPS, adds nothing that could vary.
    n = np.count_nonzero(np.bincount(users, denominators))
    if n == 1:
        return Estimate(value, np.inf)
    residuals = np.bincount(users, numerators - value * denominators)
    error = np.sqrt(n / (n - 1) * float(residuals @ residuals)) / abs(total)
    return Estimate(value, float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error)


def ends(
    estimate: Estimate, within: tuple[float, float] | None = (0.0, 1.0)
) -> tuple[float, float]:
    """The interval, cut to the possible values; NaN if nothing is left, or it has no end.

    Cutting costs no coverage: the true value is never cut off.
    """
    value, half = estimate
    if not np.isfinite(half):
        return np.nan, np.nan
    lower, upper = value - half, value + half
    if within is not None:
        lower, upper = max(lower, within[0]), min(upper, within[1])
    return (lower, upper) if lower <= upper else (np.nan, np.nan)


@dataclass(frozen=True)
class Support:
    """How far a log can speak for a target."""

    decisions: int
    matched: int
    """Decisions whose recommended track the target could have chosen too: those with w > 0."""
    effective_size: float
    """(sum of w)^2 / sum of w^2 (L. Kish, "Survey Sampling", 1965); 0 where nothing matched."""
    max_weight: float
    max_share: float
    """The largest weight's share of the sum of the weights."""
    mean_weight: Estimate
    """1 in expectation, if the propensities are right and the log could choose what the target
    would."""

    @classmethod
    def of(cls, weights: Floats, users: Ints) -> "Support":
        """From at least one decision."""
        total, largest = float(weights.sum()), float(weights.max())
        return cls(
            decisions=len(weights),
            matched=int((weights > 0).sum()),
            effective_size=total**2 / float(weights @ weights) if total else 0.0,
            max_weight=largest,
            max_share=largest / total if total else 0.0,
            mean_weight=ratio_over_users(weights, np.ones(len(weights)), users),
        )
