"""The sample ratio within subgroups: by day of the first line, by attribute."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from offline.experiment.checks.sample_ratio import DOUBTFUL_P, FEWEST_EXPECTED
from offline.experiment.stats.holm import holm


@dataclass(frozen=True)
class SplitFault:
    """A group of users with a sample-ratio mismatch."""

    by: str
    name: str
    users: Mapping[str, int]
    expected: Mapping[str, float]
    p_holm: float
    """Of Pearson's chi-squared test, adjusted over all groups of this kind."""


def split_faults(
    by: str,
    groups: "pd.Series[Any]",
    treatments: "pd.Series[str]",
    shares: Mapping[str, float],
) -> tuple[SplitFault, ...]:
    """The groups with an adjusted p below DOUBTFUL_P, smallest first.

    `groups` and `treatments` have a value per user; `shares` are the treatments' intended shares.
    Groups too small for the chi-squared distribution are excluded.
    """
    names, codes = np.unique(groups.to_numpy(object), return_inverse=True)
    arms, order = treatments.to_numpy(object), list(shares)
    users = np.array([np.bincount(codes[arms == arm], minlength=len(names)) for arm in order])
    parts = np.array([shares[arm] for arm in order])
    expected = users.sum(axis=0) * (parts / parts.sum())[:, None]
    [known] = np.nonzero(expected.min(axis=0) >= FEWEST_EXPECTED)
    if not len(known):
        return ()
    statistic = ((users - expected)[:, known] ** 2 / expected[:, known]).sum(axis=0)
    adjusted = holm(stats.chi2.sf(statistic, len(order) - 1))
    faults = [
        SplitFault(
            by,
            str(names[place]),
            dict(zip(order, users[:, place].tolist(), strict=True)),
            dict(zip(order, expected[:, place].tolist(), strict=True)),
            float(p),
        )
        for place, p in zip(known, adjusted, strict=True)
        if p < DOUBTFUL_P
    ]
    return tuple(sorted(faults, key=lambda fault: fault.p_holm))


def first_days(days: pd.DataFrame) -> "pd.Series[Any]":
    """The first day of each user, by user id, from rows of the days."""
    found: pd.Series[Any] = days.groupby("user_id")["day"].min()
    return found
