"""Counts of events that decay with time, as sums that need not be touched to decay.

An event at time t adds 2^((t - L) / h) to a sum, with a fixed moment L and a half-life h; the
decayed count at time s is the sum times 2^(-(s - L) / h). So a sum is updated by one addition, in
any order of events, in Redis as in memory (forward decay: Cormode, Shkapenyuk, Srivastava, Xu,
Forward decay, ICDE 2009).
"""

import math
from typing import NamedTuple

COUNTED = ("view", "addtocart", "transaction")
"""The kinds of event that are counted; `Sums` has a sum for each."""
HALF_LIFE_DAYS = 7

_HALF_LIFE_MS = HALF_LIFE_DAYS * 86_400_000
_LANDMARK_MS = 1_767_225_600_000
"""2026-01-01: doubles reach 19 years to either side."""
_MOST = 1000.0


class Sums(NamedTuple):
    """Of one item, of a category, or of all, by kind."""

    views: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0


NOTHING = Sums()


def weight(at: int) -> float:
    """What an event at this time, in ms, adds to a sum.

    >>> weight(_LANDMARK_MS + _HALF_LIFE_MS)
    2.0
    """
    return math.exp2(max(-_MOST, min(_MOST, (at - _LANDMARK_MS) / _HALF_LIFE_MS)))


def decay(now: int) -> float:
    """What a sum is multiplied by to be the decayed count at this time, in ms.

    >>> 3 * weight(_LANDMARK_MS) * decay(_LANDMARK_MS + _HALF_LIFE_MS)
    1.5
    """
    return 1.0 / weight(now)


def counted_as(kind: str, at: int) -> tuple[str, str]:
    """The number of the kind in the sums, and what the event adds, in digits; both empty for a
    kind that is not counted.

    >>> counted_as("addtocart", _LANDMARK_MS)
    ('1', '1.0')
    """
    return (str(COUNTED.index(kind)), repr(weight(at))) if kind in COUNTED else ("", "")
