"""Users with a large weight: whether a metric depends on many users or on one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.experiment.stats.sample import Sample

SHOWN = 5
"""Users listed per arm and metric in the JSON."""
NOTABLE = 0.05
"""A larger share is reported on the page, if it is also ten times an average user's."""
_TIMES = 10


@dataclass(frozen=True)
class Heavy:
    """A user with a large share of an arm's sum."""

    treatment: str
    metric: str
    user_id: str
    share: float
    """Of the arm's denominators for a ratio (the leverage), of its sum of sizes for a mean."""
    users: int
    """Users of the arm with a value."""
    value: float
    """Of the arm."""
    without: float | None
    """The same without this user; None if no other user has a value."""

    @property
    def notable(self) -> bool:
        """Whether the share is far above that of an average user, and large by itself."""
        return self.share > max(NOTABLE, _TIMES / self.users)


def heaviest(
    treatment: str, metric: str, sample: Sample, user_ids: Sequence[str], shown: int = SHOWN
) -> list[Heavy]:
    """The users of an arm with the largest shares, largest first; `user_ids` is by row."""
    sizes = np.abs(sample.above) if sample.is_mean else sample.below
    total = sizes.sum()
    if not total or not sample.n:
        return []
    order = np.argsort(-sizes, kind="stable")[: min(shown, sample.n)]
    above, below = sample.above.sum(), sample.below.sum()
    found = []
    for row in order:
        rest = below - sample.below[row]
        found.append(
            Heavy(
                treatment,
                metric,
                str(user_ids[row]),
                float(sizes[row] / total),
                sample.n,
                float(above / below),
                float((above - sample.above[row]) / rest) if rest > 0 else None,
            )
        )
    return found
