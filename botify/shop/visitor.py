"""What the last events of a visitor say: what is still wanted, and what not to offer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from botify.store.visitor_events import RecentEvent
from contract.shop_events import PURCHASE


class Visitor(NamedTuple):
    """As of one moment, by item."""

    interest: dict[str, float]
    """How much the last events tell of it, the strongest one: the weight of its kind, halved with
    each half-life; newest item first. Without dismissed items."""
    wanted: dict[str, float]
    """`interest` without what was bought since."""
    seen: frozenset[str]
    """All items of the last events."""
    barred: frozenset[str]
    """Not to be answered: dismissed, and not looked at since."""


def visitor_of(
    events: Sequence[RecentEvent],
    now: int,
    kinds: Mapping[str, float] | None = None,
    half_life: float = 1.0,
) -> Visitor:
    """Reads `events`, newest first; `now` in ms, `half_life` in hours.

    `kinds`: weight of each kind of event that tells of interest.

    >>> visitor_of([RecentEvent("lamp", "view", 0)], 3_600_000, {"view": 2.0}).wanted
    {'lamp': 1.0}
    """
    kinds = kinds or {}
    interest: dict[str, float] = {}
    wanted: dict[str, float] = {}
    settled: set[str] = set()  # bought or dismissed by a later event
    dismissed: set[str] = set()
    for item, kind, at in events:
        if kind == "dismiss":
            if item not in interest:
                dismissed.add(item)
            settled.add(item)
        elif kind == PURCHASE:
            settled.add(item)
        weight = kinds.get(kind, 0.0)
        if weight > 0 and item not in dismissed:
            age = max(0, now - at) / 3_600_000
            strength = weight * 0.5 ** (age / half_life)
            interest[item] = max(interest.get(item, 0.0), strength)
            if item not in settled:
                wanted[item] = max(wanted.get(item, 0.0), strength)
    return Visitor(
        interest, wanted, frozenset(event.item for event in events), frozenset(dismissed)
    )
