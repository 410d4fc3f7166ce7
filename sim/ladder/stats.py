"""What the ladder says of each recommender: means and shares of the way, with intervals.

Users are the unit: the sessions of one user share taste and patience and are
not independent, the users of a world are. So all is computed from sums per
user, and an interval is for listeners of this kind, not for these alone. As
every recommender meets the same sessions, the difference of two sums is the
sum of the differences session by session, and what two recommenders owe to
the same listeners cancels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sim.agent import Floats, Ints
from sim.engine.sessions import Ended

_Z95 = 1.959964


class Estimate(NamedTuple):
    """A value; its 95 % interval is value ± margin."""

    value: float
    margin: float

    def text(self, digits: int) -> str:
        return f"{self.value:.{digits}f} ± {self.margin:.{digits}f}"

    def percent(self) -> str:
        """A share in per cent; what is so by definition has no margin, and none is shown."""
        if not self.margin:
            return f"{100 * self.value:.0f} %"
        return f"{Estimate(100 * self.value, 100 * self.margin).text(1)} %"


class UserSums:
    """Sums over the sessions of each user; arrays of shape (n_users,).

    `tracks` counts all plays and `cents` all time heard, in hundredths of a
    track, the first play of a session included in both. Times have two
    decimals, so sums of whole cents do not depend on the order of the sessions.
    """

    def __init__(self, n_users: int) -> None:
        self.sessions, self.cents, self.tracks = np.zeros((3, n_users), dtype=np.int64)

    def add(self, ended: Ended) -> None:
        """Take in sessions that ended."""
        rows = ended.user_rows
        np.add.at(self.sessions, rows, 1)
        np.add.at(self.cents, rows, 100 + np.rint(ended.rewards * 100).astype(np.int64))
        np.add.at(self.tracks, rows, 1 + ended.steps)


@dataclass(frozen=True)
class Rung:
    """One recommender: means over sessions and its share of the way, 1 being all of it.

    Times and lengths are in tracks and include the first play. `share` is None
    where there is no way: the ceiling is no better than the floor.
    """

    recommender: str
    sessions: int
    users: int
    session_time: Estimate
    session_length: Estimate
    share: Estimate | None


def rungs(sums: Mapping[str, UserSums], floor: str, ceiling: str) -> list[Rung]:
    """The rungs in the order of `sums`, all of them over the same sessions.

    Shares go by mean session time, from `floor` (0) to `ceiling` (1), both of
    which are keys of `sums`. The sessions must be of 2 users or more.
    """
    met = np.flatnonzero(sums[floor].sessions)
    sessions = sums[floor].sessions[met]
    bottom = sums[floor].cents[met]
    way = sums[ceiling].cents[met] - bottom

    def rung(name: str, mine: UserSums) -> Rung:
        cents = mine.cents[met]
        return Rung(
            name,
            int(sessions.sum()),
            len(met),
            ratio(cents / 100, sessions),
            ratio(mine.tracks[met], sessions),
            ratio(cents - bottom, way) if way.sum() > 0 else None,
        )

    return [rung(name, mine) for name, mine in sums.items()]


def ratio(over: Floats | Ints, under: Floats | Ints) -> Estimate:
    """sum(over) / sum(under), each an array of shape (n_users,), with its interval over users.

    Delta method for a ratio of correlated sums: the variance of r is
    n / (n - 1) * sum((over - r * under)**2) / sum(under)**2. See Deng, Knoblich
    and Lu, "Applying the Delta Method in Metric Analytics" (KDD 2018), on
    ratios and on clusters.
    """
    n, total = len(over), float(under.sum())
    value = float(over.sum()) / total
    variance = n / (n - 1) * float(((over - value * under) ** 2).sum()) / total**2
    return Estimate(value, _Z95 * float(np.sqrt(variance)))
