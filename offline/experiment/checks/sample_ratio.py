"""The sample-ratio test: were users split as planned?"""

from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates

DOUBTFUL_P = 0.01
"""p-value below which the report recommends to investigate."""
LEAST_P = 0.001
"""Below this chance a split is no accident (Fabijan et al., "Diagnosing Sample Ratio Mismatch in
Online Controlled Experiments", KDD 2019, use smaller ones for many experiments, and as a rule
0.001 or less for one)."""
FEWEST_EXPECTED = 5.0
"""Users that each treatment must expect for the chi-squared distribution to hold."""


@dataclass(frozen=True)
class SampleRatio:
    """Users of each treatment, against the shares that they were to have."""

    users: Mapping[str, int]
    expected: Mapping[str, float]
    p: float | None
    """Probability of a split at least as uneven; None if there are too few users."""

    @property
    def mismatch(self) -> bool:
        """Whether the assignment of users is not as intended."""
        return self.p is not None and self.p < LEAST_P

    @property
    def told(self) -> str:
        """In words."""
        if self.p is None:
            return "too few users to test"
        if self.mismatch:
            return "MISMATCH"
        if self.p < DOUBTFUL_P:
            return "doubtful: look for users who are missing from one arm"
        return "OK"


def sample_ratio(
    aggregates: Aggregates, weights: Mapping[str, float] | None = None
) -> SampleRatio:
    """Pearson's chi-squared test of users per treatment; `weights` as in the config, or equal.

    Raises InputError if the weights do not match the treatments in the log.
    """
    users = {arm.treatment: arm.users for arm in aggregates.arms}
    shares = dict(weights) if weights is not None else dict.fromkeys(users, 1.0)
    if shares.keys() != users.keys():
        raise InputError(
            f"weights are given for {', '.join(sorted(shares))}, but the log has "
            f"{', '.join(users)}: name each with its weight"
        )
    total = sum(users.values())
    expected = {name: total * shares[name] / sum(shares.values()) for name in users}
    if min(expected.values()) < FEWEST_EXPECTED:
        return SampleRatio(users, expected, None)
    found = stats.chisquare(list(users.values()), list(expected.values()))
    return SampleRatio(users, expected, float(found.pvalue))


def health_text(ratio: SampleRatio) -> str:
    """One line about the sizes of the arms: as planned, or not.

    Parameters
    ----------
    ratio : SampleRatio
        As `Analysis.ratio` has it.

    Returns
    -------
    str

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse, health_text
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> analysis.ratio.mismatch, "200" in health_text(analysis.ratio)
    (False, True)
    """
    users = ", ".join(f"{name} {count:,}" for name, count in ratio.users.items())
    if ratio.p is None:
        return f"sample ratio: {ratio.told} ({users})"
    return f"sample ratio: {ratio.told} (users {users}; chi-squared, p = {ratio.p:.2g})"
