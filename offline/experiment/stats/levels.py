"""A row's interval at another confidence level."""

import math

from scipy import special

from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.stats.effects import freedom, relative_interval


def by_moments(row: Comparison, times: float) -> Interval | None:
    """`times` standard errors about the effect, after CUPED if that is used; percent."""
    if row.moments is None:
        return None
    if row.adjusted is not None and row.method.startswith("CUPED"):
        return row.adjusted.relative(times)
    return relative_interval(*row.moments, times)


def interval_at(row: Comparison, confidence: float) -> tuple[Interval | None, float]:
    """The interval that the verdict uses, and its actual confidence.

    A permutation test has only its own interval: it is used for any lower confidence, and joined
    with the interval by moments for a higher one. None if all users have the same value, as an
    interval without width would overstate the certainty.
    """
    own = 1 - row.alpha
    if row.moments is None or row.relative is None:
        return row.relative, own
    degrees = freedom(*row.moments)
    if math.isnan(degrees):
        return None, confidence
    times = float(special.stdtrit(degrees, (1 + confidence) / 2))
    if not row.method.endswith("permutation"):
        return by_moments(row, times), confidence
    wide = by_moments(row, times)
    if confidence <= own or wide is None:
        return (row.relative if confidence <= own else None), own
    return (min(row.relative[0], wide[0]), max(row.relative[1], wide[1])), confidence
