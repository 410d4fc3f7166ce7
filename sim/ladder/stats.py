"""The ladder's figures: means and normalised scores of recommenders, with intervals.

Users are the unit: the sessions of one user share taste and patience and are
not independent, the users of a world are. So everything is computed from sums
per user, and an interval covers listeners of this kind, not only these. As
every recommender meets the same sessions, the difference of two sums is the sum
of the differences session by session, and what two recommenders have in common
because of the listeners cancels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.arrays import Floats, Ints
from sim.engine.sessions import EndedSessions

_Z95 = 1.959964


class Estimate(NamedTuple):
    """A value; its 95 % interval is value ± margin."""

    value: float
    margin: float

    def text(self, digits: int) -> str:
        return f"{self.value:.{digits}f} ± {self.margin:.{digits}f}"

    def score(self) -> str:
        """A normalised score; 0 and 100 hold by definition and have no margin to show."""
        return self.text(1) if self.margin else f"{self.value:.0f}"


class UserSums:
    """Sums over the sessions of each user; arrays of shape (n_users,).

    `tracks` counts all plays and `cents` all time heard, in hundredths of a
    track, the first play of a session included in both. Times have two
    decimals, so sums of whole cents do not depend on the order of the sessions.
    """

    def __init__(self, n_users: int) -> None:
        self.sessions, self.cents, self.tracks = np.zeros((3, n_users), dtype=np.int64)

    def add(self, ended: EndedSessions) -> None:
        """Add sessions that ended."""
        rows = ended.user_rows
        np.add.at(self.sessions, rows, 1)
        np.add.at(self.cents, rows, 100 + np.rint(ended.rewards * 100).astype(np.int64))
        np.add.at(self.tracks, rows, 1 + ended.steps)


@dataclass(frozen=True)
class RecommenderResult:
    """One recommender: means over sessions, and its normalised score.

    Times and lengths are in tracks and include the first play. The normalised
    score goes by mean session time: 0 is the lowest of the compared
    recommenders, Random, and 100 the highest, Oracle. It is None if the highest
    is no better than the lowest.
    """

    recommender: str
    sessions: int
    users: int
    session_time: Estimate
    session_length: Estimate
    normalised_score: Estimate | None


def compare(sums: Mapping[str, UserSums], lowest: str, highest: str) -> list[RecommenderResult]:
    """The results in the order of `sums`, all of them over the same sessions.

    `lowest` (score 0) and `highest` (score 100) are keys of `sums`. The
    sessions must be of 2 users or more.
    """
    met = np.flatnonzero(sums[lowest].sessions)
    sessions = sums[lowest].sessions[met]
    lowest_cents = sums[lowest].cents[met]
    span = sums[highest].cents[met] - lowest_cents

    def result(name: str, own: UserSums) -> RecommenderResult:
        cents = own.cents[met]
        return RecommenderResult(
            name,
            int(sessions.sum()),
            len(met),
            ratio(cents / 100, sessions),
            ratio(own.tracks[met], sessions),
            _hundredfold(ratio(cents - lowest_cents, span)) if span.sum() > 0 else None,
        )

    return [result(name, own) for name, own in sums.items()]


def _hundredfold(estimate: Estimate) -> Estimate:
    return Estimate(100 * estimate.value, 100 * estimate.margin)


def ratio(numerators: Floats | Ints, denominators: Floats | Ints) -> Estimate:
    """sum(numerators) / sum(denominators), each of shape (n_users,), with its interval over users.

    Delta method for a ratio r of correlated sums of x and y: its variance is
    n / (n - 1) * sum((x - r * y)**2) / sum(y)**2. See Deng, Knoblich and Lu,
    "Applying the Delta Method in Metric Analytics" (KDD 2018), on ratios and on
    clusters.
    """
    n, total = len(numerators), float(denominators.sum())
    value = float(numerators.sum()) / total
    residuals = numerators - value * denominators
    variance = n / (n - 1) * float((residuals**2).sum()) / total**2
    return Estimate(value, _Z95 * float(np.sqrt(variance)))
