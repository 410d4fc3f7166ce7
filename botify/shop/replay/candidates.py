"""Candidates where nothing was shown: from the events up to a moment alone."""

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence

from botify.shop.features.facts import Candidate
from botify.shop.replay.state import ShopState
from botify.store.visitor_events import RecentEvent

REMINDERS, SIMILAR, POPULAR = "reminders", "similar", "popular"
SOURCES = (REMINDERS, SIMILAR, POPULAR)
"""Items of the visitor's last events; items that others looked at together with these; items with
the most events."""

_TOGETHER_MS = 3_600_000
_BEFORE = 5
"""Two events of a visitor are together if at most so many items lie between them."""
_SEEDS = 5
_MOST_NEIGHBOURS = 400
_HOUR_MS = 3_600_000


class AsOf:
    """Follows the log, and names candidates as of the lines that it has seen."""

    def __init__(self, state: ShopState, each: int, names: Mapping[str, str]) -> None:
        """`each`: how many candidates of each source at most. `names`: other names of sources."""
        self._state = state
        self._each = each
        self._names = {source: names.get(source, source) for source in SOURCES}
        self._near: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._popular: list[str] = []
        self._hour = -1

    def take(self, item: str, recent: Sequence[RecentEvent], at: int) -> None:
        """An event with the item at this time; `recent`: the visitor's before it, newest first."""
        before: dict[str, None] = {}
        for other, _, time in recent:
            if len(before) == _BEFORE or at - time > _TOGETHER_MS:
                break
            if other != item:
                before[other] = None
        for other in before:
            for one, two in ((item, other), (other, item)):
                near = self._near[one]
                near[two] = near.get(two, 0) + 1
                if len(near) > _MOST_NEIGHBOURS:
                    kept = _best(near, _MOST_NEIGHBOURS // 2)
                    self._near[one] = {name: near[name] for name in kept}

    def candidates(self, recent: Sequence[RecentEvent], now: int) -> list[Candidate]:
        """For a visitor with these last events, newest first: each item once, with its places."""
        seen = list(dict.fromkeys(event.item for event in recent))
        scores: defaultdict[str, float] = defaultdict(float)
        for place, seed in enumerate(seen[:_SEEDS]):
            for item, count in self._near.get(seed, {}).items():
                scores[item] += count / (place + 1)
        lists = {
            REMINDERS: seen[: self._each],
            SIMILAR: _best(scores, self._each),
            POPULAR: self.popular(now),
        }
        places: dict[str, dict[str, tuple[int, float | None]]] = {}
        for source, items in lists.items():
            place = 0
            for item in items:
                if self._state.offers(item):
                    places.setdefault(item, {})[self._names[source]] = (place, None)
                    place += 1
        return [Candidate(item, of) for item, of in places.items()]

    def popular(self, now: int) -> list[str]:
        """As of the first time that they were asked for in this hour."""
        if now // _HOUR_MS != self._hour:
            self._hour = now // _HOUR_MS
            sums = {item: sum(of) for item, of in self._state.sums()}
            self._popular = _best(sums, self._each)
        return self._popular


def _best(scores: Mapping[str, float], most: int) -> list[str]:
    """By score, then by id."""
    best = heapq.nsmallest(most, scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [item for item, _ in best]
