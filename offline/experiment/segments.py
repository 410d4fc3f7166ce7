"""The effect among the less and the more active users."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.metrics import Metric
from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.effects import ALPHA
from offline.experiment.stats.sample import Sample

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
    aggregates: Aggregates,
    before: Aggregates | None,
    treatment: str,
    metric: Metric,
    alpha: float = ALPHA,
) -> tuple[Segment, ...]:
    """Thirds of the users by sessions in the period before; none where there is no such period.

    What users do in the experiment is no way to cut them: the treatment has changed it. Where many
    users are alike there are fewer than three; a segment without an interval is left out.
    """
    if before is None:
        return ()
    users = aggregates.users[aggregates.users["treatment"].isin([aggregates.control, treatment])]
    sessions = before.users.set_index("user_id")["sessions"]
    activity = users["user_id"].map(sessions).fillna(0.0)
    cuts = np.quantile(activity, [1 / 3, 2 / 3])
    places = pd.Series(np.searchsorted(cuts, activity, side="left"), users.index)
    found = []
    for place, name in enumerate(NAMES):
        rows = users[places == place]
        control, treated = (
            Sample(*metric.sums(rows[rows["treatment"] == arm]))
            for arm in (aggregates.control, treatment)
        )
        row = compare_samples(treatment, metric.name, control, treated, alpha=alpha)
        if row.change is not None and row.relative is not None:
            found.append(Segment(treatment, name, sum(row.users), row.change, *row.relative))
    return tuple(found)
