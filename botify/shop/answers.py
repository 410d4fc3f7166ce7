"""What a recommender answers a request with: candidates from Redis, by the shop's rules."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from botify.config.shop import RulesConfig
from botify.observability.recommender_failures import RecommenderFailures
from botify.shop.blend import MergingRecommender
from botify.shop.lookup import ItemLookup
from botify.shop.recommenders import ItemRecommender, popular_source
from botify.shop.request import ItemRequest
from botify.shop.selection import Candidate, Role, Rules
from botify.shop.visitor import visitor_of
from botify.store.fallback import FALLBACK
from botify.store.items import PopularItems, Source
from contract.item_lists import MAX_ITEMS

_POPULAR = popular_source()
_ALL = 1_000_000
"""More items than the sources of a request have."""


class Answer(NamedTuple):
    """Items, best first, and what is told of each."""

    items: list[str]
    scores: list[float | None]
    sources: list[str]
    roles: list[Role | None]
    """None where it is not known what the visitor has seen."""
    because: list[str | None]
    version: str | None
    """Of the list that was looked up first."""
    recommender: str
    """Which one really answered."""


class Answers:
    """Makes them, in one round trip; in two where the first one found too little."""

    def __init__(
        self,
        lookup: ItemLookup,
        popular: PopularItems,
        failures: RecommenderFailures,
        rules: RulesConfig,
        above: Mapping[str, str | None],
        recent: int,
    ) -> None:
        """`above`: the category above each. `recent`: how many last events Redis has."""
        self._lookup = lookup
        self._popular = popular
        self._failures = failures
        self._rules = rules
        self._above = above
        self._recent = recent

    def of(self, recommender: ItemRecommender, request: ItemRequest, fill: bool = True) -> Answer:
        """Up to k items. `fill`: with popular ones, where the recommender has fewer.

        Without Redis, popular ones from memory; none, where the request asks for what only Redis
        can tell: categories, prices, or items that the visitor has seen.
        """
        excluded = (*request.exclude, *request.items)
        return self._found(recommender, request, excluded, fill) or self._fallback(
            request, excluded
        )

    def _found(
        self, of: ItemRecommender, request: ItemRequest, excluded: tuple[str, ...], fill: bool
    ) -> Answer | None:
        try:
            if isinstance(of, MergingRecommender):
                return self._merged(of, request, excluded)
            sources = (*of.sources(request), *((_POPULAR,) if fill else ()))
            return self._in_order(sources, of.name, request, excluded)
        except (Exception, SystemExit) as error:  # of a plug-in: items are answered all the same
            self._failures.note(of.name, error)
            return self._in_order((_POPULAR,), _POPULAR.answers_as, request, excluded)

    def _merged(
        self, of: MergingRecommender, request: ItemRequest, excluded: tuple[str, ...]
    ) -> Answer | None:
        rules = self._rules_of(request, of.reminders if request.discoveries else None)
        query = of.query(request)
        depth = MAX_ITEMS if rules.filter.of_details else query.depth
        while True:
            found = self._lookup.candidates(
                query._replace(depth=depth), request.user, excluded, rules.of_details
            )
            if found is None:
                return None
            visitor = visitor_of(found.recent, _now(), of.kinds, of.half_life)
            merged = of.merge(request, found, visitor)
            chosen = rules.select(merged, found.items, visitor.seen, visitor.barred)
            cut = any(len(each.items) >= depth for each in found.lists)
            if len(chosen) == request.k or depth == MAX_ITEMS or not cut:
                break
            depth = MAX_ITEMS
        all_popular = all(each.source == _POPULAR.answers_as for each, _ in chosen)
        answered = _POPULAR.answers_as if chosen and all_popular else of.name
        return _answer(chosen, found.version, answered)

    def _in_order(
        self,
        sources: tuple[Source, ...],
        name: str,
        request: ItemRequest,
        excluded: tuple[str, ...],
    ) -> Answer | None:
        rules = self._rules_of(request, None)
        any_item = request.reminders and request.discoveries and not rules.of_details
        most = request.k if any_item else _ALL
        while True:
            found = self._lookup.top(
                most,
                sources,
                excluded,
                user=request.user,
                recent=self._recent,
                details=rules.of_details,
            )
            if found is None:
                return None
            visitor = visitor_of(found.recent, _now())
            rows = zip(found.items, found.scores, found.sources, strict=True)
            details = dict(zip(found.items, found.details, strict=False))
            chosen = rules.select(
                (Candidate(*row) for row in rows), details, visitor.seen, visitor.barred
            )
            barred = visitor.barred.intersection(found.items)
            if len(chosen) == request.k or not barred or len(found.items) < most:
                break
            excluded = (*excluded, *barred)
        return _answer(chosen, found.version, chosen[0][0].source if chosen else name)

    def _rules_of(self, request: ItemRequest, reminders: int | None) -> Rules:
        return Rules(
            request.k,
            request.filter,
            self._above,
            self._rules.max_per_category,
            reminders if request.reminders else 0,
            request.discoveries,
        )

    def _fallback(self, request: ItemRequest, excluded: tuple[str, ...]) -> Answer:
        found: list[tuple[str, float | None]] = []
        if not request.filter.of_details and request.discoveries:
            found = list(self._popular.top(request.k, frozenset(excluded)))
        items, scores = [item for item, _ in found], [score for _, score in found]
        n = len(items)
        return Answer(items, scores, [FALLBACK] * n, [None] * n, [None] * n, None, FALLBACK)


def _answer(chosen: list[tuple[Candidate, Role]], version: str | None, name: str) -> Answer:
    return Answer(
        [each.item for each, _ in chosen],
        [each.score for each, _ in chosen],
        [each.source for each, _ in chosen],
        [role for _, role in chosen],
        [each.because for each, _ in chosen],
        version,
        name,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
