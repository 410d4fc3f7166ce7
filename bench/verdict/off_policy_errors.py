"""Off-policy estimates of decisions whose true value is known: bias, error and coverage."""

from collections.abc import Callable
from functools import partial

import numpy as np

from bench.verdict.rates import Found, Scenario
from offline.metrics.intervals import Estimate
from offline.off_policy.bounded_estimators import Logged, clipped_ips, shrunk, switch
from offline.off_policy.estimators import doubly_robust, ends, ips, snips

_VALUES = np.array([0.2, 0.3, 0.4])
_TARGET = np.array([0.2, 0.6, 0.2])
_TOO_HIGH = 0.05
"""By how much the reward model is off."""
_COMMON = 0.05
_UNTAMED = ("IPS", "SNIPS", "DR")


def logged(rng: np.random.Generator, decisions: int, rare: float) -> Logged:
    """Decisions among 3 actions, one a user, of which the log takes the last one rarely."""
    chances = np.array([0.7, 0.3 - rare, rare])
    actions = rng.choice(3, decisions, p=chances)
    rewards = (rng.random(decisions) < _VALUES[actions]).astype(np.float64)
    model = _VALUES + _TOO_HIGH
    return Logged(
        _TARGET[actions] / chances[actions],
        rewards,
        model[actions],
        np.full(decisions, model @ _TARGET),
        np.arange(decisions),
    )


ESTIMATORS: dict[str, Callable[[Logged], Estimate]] = {
    "IPS": lambda log: ips(log.weights, log.rewards, log.users),
    "SNIPS": lambda log: snips(log.weights, log.rewards, log.users),
    "DR": lambda log: doubly_robust(
        log.weights, log.rewards, log.predicted, log.expected, log.users
    ),
    "clipped IPS": lambda log: clipped_ips(log).estimate,
    "switch DR": lambda log: switch(log).estimate,
    "shrunk DR": lambda log: shrunk(log).estimate,
}


def estimated(rng: np.random.Generator, decisions: int, rare: float, name: str) -> Found:
    """An estimator against the true value."""
    estimate, true_value = ESTIMATORS[name](logged(rng, decisions, rare)), float(_VALUES @ _TARGET)
    lower, upper = ends(estimate)
    known = not np.isnan(lower)
    return {
        "error": float(estimate.mean - true_value),
        "interval misses": bool(not lower <= true_value <= upper) if known else None,
        "interval beyond 0 or 1": bool(lower < 0 or upper > 1) if known else None,
    }


def off_policy() -> list[Scenario]:
    """Bounds are for unbiased estimators, and for enough decisions for normal theory."""
    return [
        Scenario(
            f"{name}; 2,000 decisions, {100 * rare:g} % of what the target takes in 20 %",
            partial(estimated, decisions=2000, rare=rare, name=name),
            {"interval beyond 0 or 1": 0.0}
            | ({"interval misses": 6.0} if rare == _COMMON and name in _UNTAMED else {}),
            unbiased=["error"] if name in ("IPS", "DR") else (),
        )
        for rare in (0.0005, 0.005, _COMMON)
        for name in ESTIMATORS
    ]
