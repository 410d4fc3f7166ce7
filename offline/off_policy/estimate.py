"""The value of a target policy: all estimates, with warnings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from offline.errors import InputError
from offline.metrics.intervals import Estimate
from offline.off_policy import estimators
from offline.off_policy.bounded_estimators import Logged, clipped_ips, shrunk, switch
from offline.off_policy.decisions import Decisions
from offline.off_policy.estimators import Support
from offline.off_policy.policies import Target
from offline.off_policy.reward_model import CrossFitted

ENOUGH = 100
"""Fewer matched decisions, or a smaller effective sample, and a normal interval means nothing."""
_HEAVY = 0.1
_NOTICEABLE = 0.01
_DOUBT = 0.001
"""A mean weight as far from 1 as this has so small a chance that there is something wrong."""


@dataclass(frozen=True)
class LookAhead:
    """What a log says of a target: share heard of a recommended track, by estimator."""

    target: str
    estimates: dict[str, Estimate]
    support: Support
    never_logged: float
    """Share of what the target would choose that the log never recommends to anybody."""
    warnings: tuple[str, ...]
    parameters: dict[str, float] = field(default_factory=dict)
    """Of the estimators that have one."""
    within: tuple[float, float] | None = (0.0, 1.0)
    """What a value can be, if that is known."""


def look_ahead(log: Decisions, targets: Sequence[Target]) -> list[LookAhead]:
    """Estimate every target from the log's usable decisions that the target has a track for.

    Raises InputError where there are none for a target.
    """
    model = CrossFitted(log)
    predicted = model.predicted()
    found = []
    for target in targets:
        use = log.usable & target.answers
        if not use.any():
            raise InputError(f"{target.name}: it has no track for any decision of the log")
        weights = target.chances[use] / log.propensities[use]
        rewards, users = log.rewards[use], log.users[use]
        expected = model.expected(target)[use]
        estimates = {
            "logged mean": estimators.mean_reward(rewards, users),
            "direct method": estimators.direct_method(expected, users),
            "IPS": estimators.ips(weights, rewards, users),
            "SNIPS": estimators.snips(weights, rewards, users),
            "DR": estimators.doubly_robust(weights, rewards, predicted[use], expected, users),
        }
        logged = Logged(weights, rewards, predicted[use], expected, users)
        tamed = {"clipped IPS": clipped_ips(logged)}
        if np.isnan(expected).any():  # the target does not tell what it would choose
            del estimates["direct method"], estimates["DR"]
        else:
            tamed |= {"switch DR": switch(logged), "shrunk DR": shrunk(logged)}
        estimates |= {name: one.estimate for name, one in tamed.items()}
        support = Support.of(weights, users)
        if not support.matched:  # by the letter 0 ± 0: a certainty that nobody has
            weighted = [name for name in ("IPS", "SNIPS", "DR", *tamed) if name in estimates]
            estimates |= dict.fromkeys(weighted, Estimate(np.nan, np.nan))
        other = np.zeros(len(log.logged) + 1)
        other[-1] = 1.0
        never = float(target.mean_of(other)[use].mean())
        certain = bool((log.propensities[use] == 1).all())
        within = log.reward_range
        warnings = (
            *target.notes,
            *_warnings(support, never, certain),
            *_outside(estimates, within),
        )
        parameters = {name: one.parameter for name, one in tamed.items()}
        found.append(
            LookAhead(target.name, estimates, support, never, warnings, parameters, within)
        )
    return found


def _warnings(support: Support, never_logged: float, certain: bool) -> list[str]:
    warnings = []
    if support.matched < ENOUGH:
        warnings.append(
            f"only {support.matched:,} of {support.decisions:,} decisions recommend what the "
            "target could: too few for IPS, SNIPS or DR, whatever their intervals say"
        )
    elif support.effective_size < ENOUGH:
        warnings.append(
            f"the effective sample is {support.effective_size:.0f} decisions: too few to trust "
            "the intervals of IPS, SNIPS and DR"
        )
    if support.matched and support.max_share > _HEAVY:
        warnings.append(
            f"one decision has {support.max_share:.0%} of all the weight: "
            f"{support.max_weight:,.1f}"
        )
    if support.matched and _differs(support.mean_weight):
        mean, half = support.mean_weight
        warnings.append(
            f"the mean weight is {mean:.3f} ± {half:.3f} and should be 1: the log could not "
            "choose all that the target would, or propensities are wrong; IPS is off by as much"
        )
    if never_logged > _NOTICEABLE:
        warnings.append(
            f"{never_logged:.0%} of what the target would choose is never recommended in the log: "
            "nothing is known of it"
        )
    if certain:
        warnings.append(
            "the log's recommender left nothing to chance: only decisions on which the target "
            "agrees with it can be judged"
        )
    return warnings


def _outside(estimates: dict[str, Estimate], within: tuple[float, float] | None) -> list[str]:
    if within is None:
        return []
    names = [
        name
        for name, (value, _) in estimates.items()
        if np.isfinite(value) and not within[0] <= value <= within[1]
    ]
    if not names:
        return []
    return [
        f"{', '.join(names)}: a share cannot be below 0 or above 1: the weights are too uneven"
    ]


def _differs(mean_weight: Estimate) -> bool:
    wider = stats.norm.ppf(1 - _DOUBT / 2) / stats.norm.ppf((1 + estimators.CONFIDENCE) / 2)
    return bool(abs(mean_weight.mean - 1) > wider * mean_weight.half_width)
