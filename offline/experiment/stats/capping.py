"""A cap on each user's sums: one threshold over all arms, as one per arm would bias the effect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.errors import InputError
from offline.experiment.metrics import Floats
from offline.experiment.stats.sample import Sample


@dataclass(frozen=True)
class Cap:
    """Where the sums of a metric were cut off, and for how many users of all arms."""

    metric: str
    above: float
    """Of the numerator."""
    below: float | None
    """Of the denominator; None for a mean over users, which has none to cut."""
    users: int
    """Users with either sum above its threshold."""
    refused: bool = False
    """Whether nothing was cut, as the threshold is the smallest value that there is."""


def cap(metric: str, arms: Sequence[Sample], percentile: float) -> tuple[Cap, list[Sample]]:
    """Cut both sums of every arm at this percentile of all users with a value.

    Where most users have the smallest value, that percentile would leave no difference between
    users: nothing is cut then, and `refused` is set. Nothing is cut from below.
    """
    known = [arm.below != 0 for arm in arms]
    numerators = np.concatenate([arm.above[some] for arm, some in zip(arms, known, strict=True)])
    above, refused = _threshold(numerators, percentile)
    below: float | None = None
    if not all(arm.is_mean for arm in arms):
        denominators = np.concatenate(
            [arm.below[some] for arm, some in zip(arms, known, strict=True)]
        )
        below, without = _threshold(denominators, percentile)
        refused = refused or without
    if refused:
        return Cap(metric, above, below, 0, refused=True), list(arms)
    limit = math.inf if below is None else below
    users = sum(int(((arm.above > above) | (arm.below > limit)).sum()) for arm in arms)
    return Cap(metric, above, below, users), [arm.capped(above, limit) for arm in arms]


def _threshold(values: Floats, percentile: float) -> tuple[float, bool]:
    """The percentile, and whether it is a minimum that not all values have."""
    if not len(values):
        return math.inf, False
    found = float(np.percentile(values, percentile))
    return found, found <= values.min() < values.max()


def check_percentile(percentile: float) -> float:
    """Raises InputError for an unusable percentile."""
    if not 50 < percentile < 100:
        raise InputError(f"--cap {percentile:g}: it must be a percentile above 50 and below 100")
    return percentile
