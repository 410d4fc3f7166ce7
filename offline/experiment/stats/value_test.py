"""Whether something is missing more often in one arm than in the other."""

import numpy as np
import numpy.typing as npt
from scipy import stats

Counts = tuple[npt.ArrayLike, npt.ArrayLike]
_FEWEST_EXPECTED = 5.0
"""Cases that each arm must expect for the chi-squared distribution to hold."""


def share_p(control: Counts, treated: Counts) -> float | None:
    """p of the difference of two shares, if both arms are alike; None: too few users.

    An arm is what each of its users lacks, and what it could have, both of shape (n,). The shares
    are ratios of sums over users. A chi-squared with one degree of freedom, (p1 - p2)² / v, with
    the pooled share in place of both as Pearson's test has it, and the user as the unit: v is the
    sum over arms of Σ (m_i - p n_i)² / (Σ n_i)². Where every user could lack one thing and the
    arms are of one size, that is Pearson's test of a 2 × 2 table.

    >>> share_p(([1] * 10 + [0] * 90, [1] * 100), ([1] * 30 + [0] * 70, [1] * 100)) < 0.001
    True
    """
    arms = [tuple(np.asarray(part, np.float64) for part in arm) for arm in (control, treated)]
    sums = [(missing.sum(), could.sum()) for missing, could in arms]
    whole = sum(could for _, could in sums)
    if min(could for _, could in sums) == 0:
        return None
    share = sum(missing for missing, _ in sums) / whole
    least = min(share, 1 - share) * min(could for _, could in sums)
    if least < _FEWEST_EXPECTED:
        return None
    variance = sum(
        ((missing - share * could) ** 2).sum() / could.sum() ** 2 for missing, could in arms
    )
    difference = sums[1][0] / sums[1][1] - sums[0][0] / sums[0][1]
    return float(stats.chi2.sf(difference**2 / variance, 1)) if variance else None
