"""Off-policy estimators that keep large weights small: less variance for some bias.

Each has one parameter, from weights as they are to hardly any. By default it is chosen by SLOPE
(Y. Su, P. Srinath, A. Krishnamurthy, "Adaptive estimator selection for off-policy evaluation",
ICML 2020): the tamest estimate that still agrees, within standard errors, with all that are less
tame, so that its bias is no larger than what cannot be told apart. The intervals are of the
variance alone: they know of no bias. Arguments are as in `off_policy`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from offline.metrics.intervals import Estimate
from offline.off_policy.decisions import Floats, Ints
from offline.off_policy.estimators import doubly_robust, ips

_STEPS = 12
_APART = 6**0.5 - 1
"""SLOPE's factor on the other interval."""
_NARROW = 1 / 1.96
"""SLOPE's intervals are of one standard error: with 95 % ones the bias was twice DR's error where
weights are moderate."""


@dataclass(frozen=True)
class Tamed:
    """An estimate and the parameter that it was made with."""

    estimate: Estimate
    parameter: float
    """Infinite where the weights stay as they are."""


@dataclass(frozen=True, eq=False)
class Logged:
    """The input of the estimators; arrays of shape (n,)."""

    weights: Floats
    rewards: Floats
    predicted: Floats
    """The reward model's, of the recommended track."""
    expected: Floats
    """The reward model's mean under the target."""
    users: Ints


def clipped_ips(log: Logged, most: float | None = None) -> Tamed:
    """Mean of min(w, M) r (E. Ionides, "Truncated importance sampling", JCGS 17, 2008)."""

    def estimate(weights: Floats) -> Estimate:
        return ips(weights, log.rewards, log.users)

    def tame(limit: float) -> Floats:
        return np.minimum(log.weights, limit)

    return _slope(estimate, tame, _limits(log.weights) if most is None else [most])


def switch(log: Logged, most: float | None = None) -> Tamed:
    """Mean of q(target) + w (r − q(logged)) where w ≤ τ, q(target) alone above (Wang et al.)."""

    def tame(limit: float) -> Floats:
        return np.where(log.weights <= limit, log.weights, 0.0)

    return _robust(log, tame, _limits(log.weights) if most is None else [most])


def shrunk(log: Logged, parameter: float | None = None) -> Tamed:
    """Mean of q(target) + λ w / (w² + λ) (r − q(logged)) (Su et al.): λ = 0 is q alone."""

    def tame(strength: float) -> Floats:
        if np.isinf(strength):
            return log.weights
        return strength * log.weights / (log.weights**2 + strength)

    return _robust(log, tame, _strengths(log.weights) if parameter is None else [parameter])


def _robust(log: Logged, tame: Callable[[float], Floats], parameters: Sequence[float]) -> Tamed:
    def estimate(weights: Floats) -> Estimate:
        return doubly_robust(weights, log.rewards, log.predicted, log.expected, log.users)

    return _slope(estimate, tame, parameters)


def _slope(
    estimate: Callable[[Floats], Estimate],
    tame: Callable[[float], Floats],
    parameters: Sequence[float],
) -> Tamed:
    """The tamest that agrees with all before it; `parameters` begin with the least tame."""
    chosen = Tamed(estimate(tame(parameters[0])), float(parameters[0]))
    before = [chosen.estimate]
    for parameter in parameters[1:]:
        value = estimate(tame(parameter))
        if not np.isfinite(value.half_width) or any(
            abs(value.mean - other.mean) > _NARROW * (value.half_width + _APART * other.half_width)
            for other in before
        ):
            break
        before.append(value)
        chosen = Tamed(value, float(parameter))
    return chosen


def _limits(weights: Floats) -> list[float]:
    """None, then from the largest of the positive weights down to their median."""
    positive = weights[weights > 0]
    if not len(positive):
        return [np.inf]
    shares = 1 - 0.5 ** np.arange(1, _STEPS)
    return [np.inf, *np.unique(np.quantile(positive, shares))[::-1].tolist()]


def _strengths(weights: Floats) -> list[float]:
    """Infinite, then powers of ten down about the square of the largest weight."""
    largest = float(weights.max())
    if not largest > 0:
        return [np.inf]
    return [np.inf, *(largest**2 * 10.0**power for power in range(3, -7, -1))]
