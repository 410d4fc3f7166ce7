"""The values of the features of some candidates at one moment."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.shop.features.counts import COUNTED, Sums, decay
from botify.shop.features.facts import Candidate, Facts, ItemFacts
from botify.shop.features.names import FIXED, FeatureSet

PRIOR_VIEWS = 20.0
"""A rate of carts starts from that of the category, and that of a category from that of all, as
if so many views had been seen."""

NAN = math.nan
_UNKNOWN = ItemFacts()
_KIND = {kind: number for number, kind in enumerate((*COUNTED, "dismiss"))}

Recent = Sequence[tuple[str, str, int]]
"""A visitor's last events, newest first: item, kind, time in ms."""


class _OfItem:
    """What a visitor did with an item."""

    __slots__ = ("counts", "newest", "place")

    def __init__(self, place: int) -> None:
        self.counts = [0, 0, 0, 0]
        self.newest = [NAN, NAN, NAN, NAN]
        self.place = place


class _Visitor(NamedTuple):
    events: int
    idle: float
    items: dict[str, _OfItem]
    categories: dict[str, _OfItem]
    log_price: float


_NEVER = _OfItem(-1)
_NEVER_PART = (0, 0, 0, 0, NAN, NAN, NAN, NAN)


def feature_values(
    features: FeatureSet, candidates: Sequence[Candidate], recent: Recent, facts: Facts, now: int
) -> NDArray[np.float32]:
    """A row for each candidate, a column for each of `features.names`; unknown values are NaN.

    `recent`: the visitor's last events, newest first. `facts`: of the candidates and of the items
    in `recent`, as of `now`, which is in ms. Ages are in seconds; an event that lies after `now`
    is 0 seconds old.

    >>> set_ = FeatureSet(("popular",))
    >>> cup = Candidate("cup", {"popular": (0, 3.5)})
    >>> row = feature_values(set_, [cup], [("cup", "view", 1000)], Facts({}, {}, Sums()), 61_000)
    >>> dict(zip(set_.names, row[0].tolist()))["visitor_item_viewed_ago"]
    60.0
    """
    n_sources = features.of_sources
    values = np.full((len(candidates), n_sources + len(FIXED)), np.nan, dtype=np.float32)
    if not candidates:
        return values
    values[:, :n_sources] = _of_sources(features, candidates)
    shrink = decay(now)
    visitor = _visitor(recent, facts, now)
    total = _rate(facts.total, shrink, 0.0)
    rates: dict[str | None, tuple[float, float, float, float]] = {None: (NAN, NAN, NAN, NAN)}
    for category, sums in facts.categories.items():
        views, carts, purchases = (one * shrink for one in sums)
        rates[category] = (views, carts, purchases, _rate(sums, shrink, total))
    hour, weekday = (now // 3_600_000) % 24, (now // 86_400_000 + 3) % 7
    rows = []
    for candidate in candidates:
        known = facts.items.get(candidate.item, _UNKNOWN)
        of_category = rates.get(known.category) or rates[None]
        prior = of_category[3] if of_category[3] == of_category[3] else total
        sums = known.sums
        done = visitor.items.get(candidate.item, _NEVER)
        of = visitor.categories.get(known.category or "")
        rows.append(
            (
                sums.views * shrink,
                sums.carts * shrink,
                sums.purchases * shrink,
                _rate(sums, shrink, prior),
                NAN if known.first is None else max(0, now - known.first) / 1000,
                *of_category,
                visitor.events,
                visitor.idle,
                *done.counts,
                *done.newest[:3],
                NAN if done.place < 0 else done.place,
                *(_NEVER_PART[:3] if of is None else of.counts[:3]),
                NAN if of is None else _least(of.newest),
                NAN if known.price is None else known.price,
                NAN if known.price is None else math.log(known.price) - visitor.log_price,
                hour,
                weekday,
            )
        )
    values[:, n_sources:] = rows
    return values


def _of_sources(features: FeatureSet, candidates: Sequence[Candidate]) -> NDArray[np.float32]:
    rows = []
    for candidate in candidates:
        places = [candidate.places.get(source) for source in features.sources]
        row = [NAN if place is None else place[0] for place in places]
        if features.scores:
            row += [NAN if place is None or place[1] is None else place[1] for place in places]
        rows.append(row)
    return np.array(rows, dtype=np.float32)


def _visitor(recent: Recent, facts: Facts, now: int) -> _Visitor:
    """What the last events say of the visitor."""
    items: dict[str, _OfItem] = {}
    categories: dict[str, _OfItem] = {}
    logs: dict[str, float] = {}
    for item, kind, at in recent:
        ago = max(0, now - at) / 1000
        known = facts.items.get(item, _UNKNOWN)
        of_item = items.get(item)
        if of_item is None:
            of_item = items[item] = _OfItem(len(items))
            if known.price is not None:
                logs[item] = math.log(known.price)
        both = [of_item]
        if known.category is not None:
            both.append(categories.setdefault(known.category, _OfItem(0)))
        number = _KIND.get(kind)
        if number is None:
            continue
        for one in both:
            one.counts[number] += 1
            if one.newest[number] != one.newest[number]:  # the first is the newest
                one.newest[number] = ago
    idle = max(0, now - recent[0][2]) / 1000 if recent else NAN
    price = math.fsum(logs.values()) / len(logs) if logs else NAN
    return _Visitor(len(recent), idle, items, categories, price)


def _least(ages: Sequence[float]) -> float:
    known = [age for age in ages if age == age]
    return min(known) if known else NAN


def _rate(sums: Sums, shrink: float, prior: float) -> float:
    """Carts per view, drawn to the prior."""
    views, carts = sums.views * shrink, sums.carts * shrink
    return (carts + PRIOR_VIEWS * prior) / (views + PRIOR_VIEWS)
