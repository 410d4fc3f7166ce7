"""Off-policy estimates of decisions whose true value is known: bias, error and coverage."""

from functools import partial

import numpy as np
from calibrate_scenario import Found, Scenario

from offline.experiment.off_policy import doubly_robust, ends, ips, snips
from offline.experiment.tamed import Logged, clipped_ips, shrunk, switch

_VALUES = np.array([0.2, 0.3, 0.4])
_TARGET = np.array([0.2, 0.6, 0.2])
_TOO_HIGH = 0.05
"""By how much the reward model is off."""


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


def estimated(rng: np.random.Generator, decisions: int, rare: float) -> Found:
    """Each estimator against the truth."""
    log = logged(rng, decisions, rare)
    truth = float(_VALUES @ _TARGET)
    found: Found = {}
    for name, estimate in (
        ("IPS", ips(log.weights, log.rewards, log.users)),
        ("SNIPS", snips(log.weights, log.rewards, log.users)),
        (
            "DR",
            doubly_robust(log.weights, log.rewards, log.predicted, log.expected, log.users),
        ),
        ("clipped IPS", clipped_ips(log).estimate),
        ("switch DR", switch(log).estimate),
        ("shrunk DR", shrunk(log).estimate),
    ):
        lower, upper = ends(estimate)
        known = not np.isnan(lower)
        found[f"{name}: error"] = float(estimate.mean - truth)
        found[f"{name}: interval misses"] = not lower <= truth <= upper if known else None
        found[f"{name}: interval beyond 0 or 1"] = lower < 0 or upper > 1 if known else None
    return found


def off_policy() -> list[Scenario]:
    """Bounds hold for what is unbiased, and where normal theory has enough decisions."""
    beyond = [
        f"{name}: interval beyond 0 or 1"
        for name in ("IPS", "SNIPS", "DR", "clipped IPS", "switch DR", "shrunk DR")
    ]
    found = []
    for rare, named in ((0.0005, ()), (0.005, ()), (0.05, ("IPS", "SNIPS", "DR"))):
        most = dict.fromkeys(beyond, 0.0) | {f"{name}: interval misses": 6.0 for name in named}
        found.append(
            Scenario(
                f"2,000 decisions, {100 * rare:g} % of an action that the target takes in 20 %",
                partial(estimated, decisions=2000, rare=rare),
                most,
                unbiased=("IPS: error", "DR: error"),
            )
        )
    return found
