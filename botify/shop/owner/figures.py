"""Figures of a shop from the lines of its event log."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from botify.store.fallback import FALLBACK

FUNNEL = ("view", "addtocart", "transaction")
"""Kinds of event, from the many to the few."""
_CART, _PURCHASE = FUNNEL[1:]


class Step(NamedTuple):
    """Of the funnel."""

    kind: str
    events: int
    visitors: int


class Figures(NamedTuple):
    """Of a period. An event came through recommendations if it names (`request`) an answer to
    its visitor; an event with the id of an earlier one is not counted."""

    funnel: tuple[Step, ...]
    carts_through: int
    purchases_through: int
    revenue: float
    """Price × quantity of purchases; of those that say no price, nothing."""
    revenue_through: float
    unpriced: int
    """Purchases without a price."""
    unknown_answers: int
    """Carts and purchases that name an answer which is not among the lines."""
    answers: int
    by_recommender: Mapping[str, int]
    """Answers of each; `fallback` and `popular` among them."""
    empty: int
    """Answers without an item."""
    shown: int
    """Different items that were answered."""
    from_ms: int | None
    """Time of the earliest line that is counted; None if there is none."""
    malformed: int
    """Lines that could not be counted."""

    @property
    def fallbacks(self) -> int:
        """Answers without Redis."""
        return self.by_recommender.get(FALLBACK, 0)


class Tally:
    """Counts lines in any order; the same lines give the same figures."""

    def __init__(self, since_ms: int) -> None:
        """Lines before `since_ms` are left out."""
        self._since = since_ms
        self._events: Counter[str] = Counter()
        self._visitors: dict[str, set[int]] = {kind: set() for kind in FUNNEL}
        self._ids: set[int] = set()
        self._answers: dict[str, str] = {}
        self._by: Counter[str] = Counter()
        self._shown: set[str] = set()
        self._following: list[tuple[str, str, str, float]] = []
        self._empty = self._unpriced = self._malformed = 0
        self._revenue = 0.0
        self._from: int | None = None

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a line; one that is no event and no answer is ignored."""
        try:
            kind, at = line["message"], line["timestamp"]
            if kind not in ("event", "recommend") or at < self._since:
                return
            if kind == "event":
                self._event(line)
            else:
                self._answer(line)
        except (KeyError, TypeError):
            self._malformed += 1
            return
        self._from = at if self._from is None else min(self._from, at)

    def malformed(self) -> None:
        """Count a line that is not even JSON."""
        self._malformed += 1

    def _answer(self, line: Mapping[str, Any]) -> None:
        if line["request"] in self._answers:
            return
        self._answers[line["request"]] = line["user"]
        self._by[line["recommender"]] += 1
        self._empty += not line["items"]
        self._shown.update(line["items"])

    def _event(self, line: Mapping[str, Any]) -> None:
        kind, user = line["event"], line["user"]
        if kind not in self._visitors:
            return
        own = hash((user, line["id"]))
        if own in self._ids:
            return
        self._ids.add(own)
        self._events[kind] += 1
        self._visitors[kind].add(hash(user))
        revenue = 0.0
        if kind == _PURCHASE:
            price = line.get("price")
            self._unpriced += price is None
            revenue = (price or 0.0) * line.get("quantity", 1)
            self._revenue += revenue
        request = line.get("request")
        if request is not None and kind in (_CART, _PURCHASE):
            self._following.append((request, user, kind, revenue))

    def figures(self) -> Figures:
        """Of all lines so far."""
        through: Counter[str] = Counter()
        revenue, unknown = 0.0, 0
        for request, user, kind, of in self._following:
            if self._answers.get(request) == user:
                through[kind] += 1
                revenue += of
            else:
                unknown += 1
        return Figures(
            tuple(Step(kind, self._events[kind], len(self._visitors[kind])) for kind in FUNNEL),
            through[_CART],
            through[_PURCHASE],
            self._revenue,
            revenue,
            self._unpriced,
            unknown,
            len(self._answers),
            dict(self._by.most_common()),
            self._empty,
            len(self._shown),
            self._from,
            self._malformed,
        )
