"""Two experiments on the same users: the effect of one within the treatments of the other.

The difference of two differences of means of four independent groups of users. Its degrees of
freedom are Welch-Satterthwaite's over all four.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from offline.experiment.aggregates.assignment import CONTROL
from offline.experiment.questions.parts import Against, Part, part_of, sample_of
from offline.experiment.stats.comparison import Interval
from offline.experiment.stats.effects import Moments, relative_change

FEWEST = 30
"""Users that each of the four groups must have."""


@dataclass(frozen=True)
class Interaction:
    """One treatment of this experiment beside one treatment of the other."""

    treatment: str
    other_treatment: str
    within: tuple[Part, Part]
    """The effect of `treatment` among the users of the other's control, and of its treatment."""
    difference: float | None
    """Of the two absolute effects, the second minus the first, in the metric's unit."""
    interval: Interval | None
    p: float | None
    """Of no difference of the absolute effects."""
    points: float | None
    """Of the two relative effects, in percentage points of their own control means."""
    points_interval: Interval | None
    """By the delta method."""
    points_p: float | None


@dataclass(frozen=True)
class Interactions:
    """This experiment beside another one."""

    other: str
    found: tuple[Interaction, ...]
    left_out: int
    """Users without a treatment of the other experiment, or with several."""
    assignment_p: float | None
    """Chance that the two assignments are as dependent as they are, if each was left to chance."""


def interactions(
    other: str, users: pd.DataFrame, arms: Mapping[str, str], against: Against
) -> Interactions:
    """`users` as `Aggregates.users`; `arms` has each user's one treatment of the other."""
    theirs = users["user_id"].map(arms)
    known, theirs = users[theirs.notna()], theirs[theirs.notna()]
    found = []
    for treatment in sorted(set(known["treatment"]) - {against.control}):
        for other_treatment in sorted(set(theirs) - {CONTROL}):
            groups = [known[theirs == arm] for arm in (CONTROL, other_treatment)]
            found.append(_interaction(treatment, other_treatment, groups, against))
    p = _independence(known["treatment"], theirs)
    return Interactions(other, tuple(found), len(users) - len(known), p)


def _interaction(
    treatment: str, other_treatment: str, groups: list[pd.DataFrame], against: Against
) -> Interaction:
    parts, arms = [], []
    for name, rows in zip((CONTROL, other_treatment), groups, strict=True):
        control, treated = (
            sample_of(rows, arm, against.metric) for arm in (against.control, treatment)
        )
        parts.append(part_of(name, treatment, against, control, treated))
        arms += [control.moments, treated.moments]
    both = parts[0], parts[1]
    if min(arm.n for arm in arms) < FEWEST:
        return Interaction(treatment, other_treatment, both, *(None,) * 6)
    difference = (arms[3].mean - arms[2].mean) - (arms[1].mean - arms[0].mean)
    absolute = _contrast(difference, arms, np.ones(4), against.alpha)
    effects = [relative_change(arms[i].mean, arms[i + 1].mean) for i in (0, 2)]
    if effects[0] is None or effects[1] is None:
        return Interaction(treatment, other_treatment, both, difference, *absolute, *(None,) * 3)
    ratios = [arms[i + 1].mean / arms[i].mean for i in (0, 2)]
    points = effects[1] - effects[0]
    factors = [
        100 * factor / arms[i].mean
        for i, ratio in zip((0, 2), ratios, strict=True)
        for factor in (ratio, 1.0)
    ]
    relative = _contrast(points, arms, np.array(factors), against.alpha)
    return Interaction(treatment, other_treatment, both, difference, *absolute, points, *relative)


def _contrast(
    value: float, arms: list[Moments], factors: np.ndarray, alpha: float
) -> tuple[Interval | None, float | None]:
    """Interval and p of a sum of means times ± factors; (None, None) without any spread."""
    variances = factors**2 * np.array([arm.variance_of_mean for arm in arms])
    total = float(variances.sum())
    if not total > 0:
        return None, None
    degrees = total**2 / sum(
        variance**2 / arm.degrees for variance, arm in zip(variances, arms, strict=True)
    )
    error = math.sqrt(total)
    half = float(special.stdtrit(degrees, 1 - alpha / 2)) * error
    p = float(2 * special.stdtr(degrees, -abs(value) / error))
    return (value - half, value + half), p


def _independence(mine: "pd.Series[str]", theirs: "pd.Series[str]") -> float | None:
    """Pearson's chi-squared test; None where a group expects fewer than five users."""
    counts = pd.crosstab(mine.to_numpy(object), theirs.to_numpy(object)).to_numpy()
    if min(counts.shape) < 2:
        return None
    found = stats.chi2_contingency(counts, correction=False)
    return float(found.pvalue) if found.expected_freq.min() >= 5 else None
