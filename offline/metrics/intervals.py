"""Confidence intervals of means over users."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.errors import InputError

_Z = 1.959963984540054
"""The standard normal's 97.5th percentile."""


class Estimate(NamedTuple):
    """A mean and half the width of its 95 % interval, which is mean ± half_width."""

    mean: float
    half_width: float
    """Infinite for one value, which has no spread."""


def mean_over_users(values: NDArray[np.float64]) -> Estimate:
    """The mean of per-user values with its normal interval; users with NaN are left out.

    NaN if no user has a value.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Estimate(np.nan, np.nan)
    if len(known) == 1:
        return Estimate(float(known[0]), np.inf)
    return Estimate(float(known.mean()), _Z * float(known.std(ddof=1)) / len(known) ** 0.5)


def paired_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Estimate:
    """Mean of a - b over the same users, with its interval: two models side by side.

    Users differ far more than models do, so this is much narrower than two intervals apart.
    Raises InputError where the users are not as many.
    """
    if a.shape != b.shape:
        raise InputError(f"values of {len(a)} and of {len(b)} users: pairs need the same users")
    return mean_over_users(a - b)
