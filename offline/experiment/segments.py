"""The effect among the less and the more active users."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from offline.experiment.aggregate import Aggregates
from offline.experiment.assignment import CONTROL
from offline.experiment.effects import Moments, relative_interval

NAMES = ("least active", "in between", "most active")


@dataclass(frozen=True)
class Segment:
    """The effect among some users, in percent of their control mean."""

    treatment: str
    name: str
    users: int
    effect: float
    lower: float
    upper: float


def segments(
    aggregates: Aggregates, before: Aggregates | None, treatment: str, metric: str
) -> tuple[Segment, ...]:
    """Thirds of the users by sessions in the period before, or else in the experiment itself.

    Where many users are alike there are fewer than three; a segment without an interval is left
    out.
    """
    users = aggregates.users[aggregates.users["treatment"].isin([CONTROL, treatment])]
    activity = users["sessions"]
    if before is not None:
        sessions = before.users.set_index("user_id")["sessions"]
        activity = users["user_id"].map(sessions).fillna(0.0)
    cuts = np.quantile(activity, [1 / 3, 2 / 3])
    places = pd.Series(np.searchsorted(cuts, activity, side="left"), users.index)
    found = []
    for place, name in enumerate(NAMES):
        rows = users[places == place]
        control, treated = (
            Moments.of(rows.loc[rows["treatment"] == side, metric].dropna())
            for side in (CONTROL, treatment)
        )
        interval = relative_interval(control, treated) if min(control.n, treated.n) > 1 else None
        if interval is not None:
            effect = 100 * (treated.mean / control.mean - 1)
            found.append(Segment(treatment, name, control.n + treated.n, effect, *interval))
    return tuple(found)
