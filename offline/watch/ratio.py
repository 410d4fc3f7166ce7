"""An always-valid test of the sample ratio, which holds at all looks simultaneously.

A chi-squared test that is evaluated every few seconds finds a mismatch sooner or later. This is
the sequential test of M. Lindon, A. Malek, "Anytime-Valid Inference For Multinomial Count Data",
NeurIPS 2022: the marginal likelihood of the users' treatments under a Dirichlet prior around the
expected shares, against their likelihood under these. By Ville's inequality 1 / that ratio is
below p at any time with a chance of at most p.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from offline.experiment.checks.sample_ratio import LEAST_P

_PRIORS = np.array([10.0, 100.0, 1e3, 1e4, 1e5])
"""Users that a prior is worth: few find shares that are far off early, many those that are a
little off. The mean of several such ratios is as valid as one."""


@dataclass(frozen=True)
class LiveRatio:
    """Users of each treatment, against the intended shares."""

    users: Mapping[str, int]
    expected: Mapping[str, float]
    p: float
    """Always-valid: the probability that it is ever below p is at most p."""

    @property
    def mismatch(self) -> bool:
        """Whether the assignment of users is not as intended."""
        return self.p < LEAST_P


def live_ratio(users: Mapping[str, int], weights: Mapping[str, float] | None = None) -> LiveRatio:
    """Compare users per treatment with `weights`, or with equal shares.

    >>> live_ratio({"C": 5000, "T1": 5000}).p
    1.0
    >>> live_ratio({"C": 5400, "T1": 4600}).mismatch
    True
    """
    shares = np.array([1.0 if weights is None else weights[name] for name in users], float)
    shares /= shares.sum()
    counts = np.array(list(users.values()), np.float64)
    prior = _PRIORS[:, None] * shares
    log_ratios = (
        special.gammaln(_PRIORS)
        - special.gammaln(_PRIORS + counts.sum())
        + (special.gammaln(prior + counts) - special.gammaln(prior)).sum(axis=1)
        - (counts * np.log(shares)).sum()
    )
    log_ratio = float(special.logsumexp(log_ratios)) - math.log(len(_PRIORS))
    expected = dict(zip(users, (counts.sum() * shares).tolist(), strict=True))
    return LiveRatio(users, expected, min(1.0, math.exp(-min(max(log_ratio, 0.0), 700.0))))
