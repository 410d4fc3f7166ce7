"""The values of the features of some candidates at one moment."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.shop.features.counts import COUNTED, Sums, decay
from botify.shop.features.facts import Facts, ItemFacts, Placed
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
    items: dict[str, tuple[float, ...]]
    """The values of the features `visitor_item_*`."""
    categories: dict[str, tuple[float, ...]]
    """The values of the features `visitor_category_*`."""
    log_price: float


_NO_ITEM = (0, 0, 0, 0, NAN, NAN, NAN, NAN)
_NO_CATEGORY = (0, 0, 0, NAN)
_UNKNOWN_CATEGORY = (NAN, NAN, NAN, NAN, *_NO_CATEGORY)
_NO_PLACE = (NAN, NAN)


def feature_values(
    features: FeatureSet, candidates: Sequence[Placed], recent: Recent, facts: Facts, now: int
) -> NDArray[np.float32]:
    """A row for each candidate, a column for each of `features.names`; unknown values are NaN.

    `recent`: the visitor's last events, newest first. `facts`: of the candidates and of the items
    in `recent`, as of `now`, which is in ms. Ages are in seconds; an event that lies after `now`
    is 0 seconds old.

    >>> set_ = FeatureSet(("popular",))
    >>> from botify.shop.features.facts import Candidate
    >>> cup = Candidate("cup", {"popular": (0, 3.5)})
    >>> row = feature_values(set_, [cup], [("cup", "view", 1000)], Facts({}, {}, Sums()), 61_000)
    >>> dict(zip(set_.names, row[0].tolist()))["visitor_item_viewed_ago"]
    60.0
    """
    n_sources = features.of_sources
    if not candidates:
        return np.empty((0, n_sources + len(FIXED)), dtype=np.float32)
    shrink = decay(now)
    visitor = _visitor(recent, facts, now)
    total = _rate(facts.total, shrink, 0.0)
    of_categories = {
        category: (
            *_of_category(sums, shrink, total),
            *visitor.categories.get(category, _NO_CATEGORY),
        )
        for category, sums in facts.categories.items()
    }
    # One pass in Python, which only collects; the arithmetic is on whole columns.
    known = [facts.items.get(candidate.item, _UNKNOWN) for candidate in candidates]
    sums = np.array([one.sums for one in known], dtype=np.float64) * shrink
    firsts = np.array([NAN if one.first is None else one.first for one in known])
    prices = np.array([NAN if one.price is None else one.price for one in known])
    done = [visitor.items.get(candidate.item, _NO_ITEM) for candidate in candidates]
    category = np.array(
        [of_categories.get(one.category or "", _UNKNOWN_CATEGORY) for one in known]
    )
    prior = np.where(np.isnan(category[:, 3]), total, category[:, 3])
    values = np.empty((len(candidates), n_sources + len(FIXED)), dtype=np.float32)
    values[:, :n_sources] = _of_sources(features, candidates)
    fixed = values[:, n_sources:]
    fixed[:, 0:3] = sums
    fixed[:, 3] = (sums[:, 1] + PRIOR_VIEWS * prior) / (sums[:, 0] + PRIOR_VIEWS)
    fixed[:, 4] = np.maximum(0, now - firsts) / 1000
    fixed[:, 5:9] = category[:, :4]
    fixed[:, 9:11] = visitor.events, visitor.idle
    fixed[:, 11:19] = done
    fixed[:, 19:23] = category[:, 4:]
    fixed[:, 23] = prices
    fixed[:, 24] = np.log(prices) - visitor.log_price
    fixed[:, 25:27] = (now // 3_600_000) % 24, (now // 86_400_000 + 3) % 7
    return values


def _of_sources(features: FeatureSet, candidates: Sequence[Placed]) -> NDArray[np.float64]:
    """(candidates, features that depend on the sources)."""
    columns = []
    for source in features.sources:
        places = [candidate.places.get(source, _NO_PLACE) for candidate in candidates]
        columns.append(np.array(places, dtype=np.float64))  # None becomes NaN
    if not columns:
        return np.empty((len(candidates), 0))
    both = np.stack(columns, axis=2)
    return np.concatenate([both[:, 0], both[:, 1]] if features.scores else [both[:, 0]], axis=1)


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
    return _Visitor(
        len(recent),
        max(0, now - recent[0][2]) / 1000 if recent else NAN,
        {item: (*of.counts, *of.newest[:3], of.place) for item, of in items.items()},
        {name: (*of.counts[:3], _least(of.newest)) for name, of in categories.items()},
        math.fsum(logs.values()) / len(logs) if logs else NAN,
    )


def _least(ages: Sequence[float]) -> float:
    known = [age for age in ages if age == age]
    return min(known) if known else NAN


def _of_category(sums: Sums, shrink: float, total: float) -> tuple[float, float, float, float]:
    views, carts, purchases = sums
    return views * shrink, carts * shrink, purchases * shrink, _rate(sums, shrink, total)


def _rate(sums: Sums, shrink: float, prior: float) -> float:
    """Carts per view, drawn to the prior."""
    views, carts = sums.views * shrink, sums.carts * shrink
    return (carts + PRIOR_VIEWS * prior) / (views + PRIOR_VIEWS)
