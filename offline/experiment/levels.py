"""A row's interval at another confidence than 95 %."""

import math

from scipy import stats

from offline.experiment.comparison import Comparison, Interval
from offline.experiment.effects import CONFIDENCE, freedom, relative_interval


def by_moments(row: Comparison, times: float) -> Interval | None:
    """`times` standard errors about the effect, after CUPED where CUPED decides; percent."""
    if row.moments is None:
        return None
    if row.adjusted is not None and row.method.startswith("CUPED"):
        return row.adjusted.relative(times)
    return relative_interval(*row.moments, times)


def interval_at(row: Comparison, confidence: float) -> tuple[Interval | None, float]:
    """The interval that decides, and the confidence that it really has.

    Where a permutation test decides there is its 95 % interval alone: it stands for any lower
    confidence; for a higher one it is joined with that by the moments. None where no user differs
    from another: an interval without width would promise what nobody knows.
    """
    if row.moments is None or row.relative is None:
        return row.relative, CONFIDENCE
    degrees = freedom(*row.moments)
    if math.isnan(degrees):
        return None, confidence
    times = float(stats.t.ppf((1 + confidence) / 2, degrees))
    if not row.method.endswith("permutation"):
        return by_moments(row, times), confidence
    wide = by_moments(row, times)
    if confidence <= CONFIDENCE or wide is None:
        return (row.relative if confidence <= CONFIDENCE else None), CONFIDENCE
    return (min(row.relative[0], wide[0]), max(row.relative[1], wide[1])), confidence


def good_direction(row: Comparison, more_is_better: bool) -> int:
    """1 where a positive effect in percent is good, else -1.

    Of a control mean below 0 a positive percentage is further below.
    """
    below = row.moments is not None and row.moments[0].mean < 0
    return 1 if more_is_better != below else -1
