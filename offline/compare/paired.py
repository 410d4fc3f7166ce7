"""Tests between models that were asked about the same users."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from offline.errors import InputError
from offline.experiment.stats.holm import holm

ALPHA = 0.05


class Pair(NamedTuple):
    """The difference between two models in a metric, over the users that both have a value for."""

    better: str
    worse: str
    difference: float
    """Mean of `better` less `worse`, not negative."""
    half_width: float
    """Of the 95 % interval of the difference; infinite for a single user."""
    p: float
    """Of the paired t-test over users."""
    adjusted_p: float
    """By Holm, for all pairs of the comparison."""

    @property
    def differ(self) -> bool:
        """Whether the two can be told apart at 5 %, over all pairs together."""
        return self.adjusted_p < ALPHA


def pairs_of(values: Mapping[str, NDArray[np.float64]]) -> list[Pair]:
    """All pairs of models, the largest difference first.

    Parameters
    ----------
    values : mapping of str to array of float64, shape (n_users,)
        A metric of each model, the same user in each place; NaN where a user has none.

    Returns
    -------
    list of Pair
        Paired t-tests (Student, 1908), adjusted by Holm (1979).

    Raises
    ------
    InputError
        Where models have values for different numbers of users.
    """
    sizes = {name: len(of) for name, of in values.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"models were measured on different users: {sizes}")
    tested = [(a, b, *_test(values[a], values[b])) for a, b in combinations(values, 2)]
    adjusted = holm([p for *_, p in tested]).tolist()
    found = [
        Pair(a, b, mean, half, p, all_p) if mean >= 0 else Pair(b, a, -mean, half, p, all_p)
        for (a, b, mean, half, p), all_p in zip(tested, adjusted, strict=True)
    ]
    return sorted(found, key=lambda pair: -pair.difference)


def _test(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean difference, half of its 95 % interval, p."""
    differences = one - other
    differences = differences[~np.isnan(differences)]
    if len(differences) < 2:
        return float(differences.mean()) if len(differences) else 0.0, np.inf, 1.0
    if not differences.any():  # the same lists: no spread, and no doubt
        return 0.0, 0.0, 1.0
    if not np.ptp(differences):
        return float(differences[0]), 0.0, 0.0
    found = stats.ttest_1samp(differences, 0.0)
    interval = found.confidence_interval()
    half_width = float(interval.high - interval.low) / 2
    return float(differences.mean()), half_width, float(found.pvalue)
