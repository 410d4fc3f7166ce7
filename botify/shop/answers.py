"""What a recommender answers a request with: candidates from Redis, by the shop's rules."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from botify.config.shop import RulesConfig
from botify.observability.recommender_failures import RecommenderFailures
from botify.shop.blend import MergingRecommender
from botify.shop.lookup import ItemLookup
from botify.shop.ranking import Ranked, Ranking
from botify.shop.recommenders import ItemRecommender, popular_source
from botify.shop.request import ItemRequest
from botify.shop.selection import Candidate, Role, Rules
from botify.shop.visitor import visitor_of
from botify.store.fallback import FALLBACK
from botify.store.item_filter import ANY_ITEM, ItemFilter
from botify.store.items import PopularItems, Source
from contract.item_lists import MAX_ITEMS

_POPULAR = popular_source()
_ALL = 1_000_000
"""More items than the sources of a request have."""
_SPARE = 4
"""Where rules may leave items out, so many times k are looked up first."""


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
    at: int
    """As of when, in ms."""
    ranked: Ranked | None = None
    """What a ranker said."""


class Answers:
    """Makes them, in one round trip; in two where the first one found too little."""

    def __init__(
        self,
        lookup: ItemLookup,
        popular: PopularItems,
        failures: RecommenderFailures,
        rules: RulesConfig,
        below: Mapping[str, frozenset[str]],
        recent: int,
        ranking: Ranking,
    ) -> None:
        """`below`: a category with all below it. `recent`: how many last events Redis has."""
        self._ranking = ranking
        self._lookup = lookup
        self._popular = popular
        self._failures = failures
        self._rules = rules
        self._below = below
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
        query, within = of.query(request), self._within(request)
        depth = query.depth
        while True:
            found = self._lookup.candidates(
                query._replace(depth=depth),
                request.user,
                excluded,
                within,
                rules.max_per_category is not None,
            )
            if found is None:
                return None
            visitor = visitor_of(found.recent, _now(), of.kinds, of.half_life)
            merged = [*of.merge(request, found, visitor)]
            chosen = rules.select(merged, found.items, visitor.seen, visitor.barred)
            cut = any(len(each.items) >= depth for each in found.lists)
            if len(chosen) == request.k or depth == MAX_ITEMS or not cut:
                break
            depth = MAX_ITEMS
        ranked = None
        if of.ranker is not None:
            some = (each for each in merged if rules.may_have(each.item, visitor.seen))
            ranked = self._ranking.order(of, some, found.recent, visitor.barred)
            if ranked is None:
                return None
            chosen = rules.select(ranked.candidates, found.items, visitor.seen, visitor.barred)
        all_popular = all(each.source == _POPULAR.answers_as for each, _ in chosen)
        in_their_order = chosen and all_popular and not (ranked and ranked.rows)
        answered = _POPULAR.answers_as if in_their_order else of.name
        return _answer(chosen, found.version, answered)._replace(
            ranked=ranked, at=ranked.at if ranked else _now()
        )

    def _in_order(
        self,
        sources: tuple[Source, ...],
        name: str,
        request: ItemRequest,
        excluded: tuple[str, ...],
    ) -> Answer | None:
        rules = self._rules_of(request, None)
        within, most = self._within(request), request.k
        any_item = request.reminders and request.discoveries and rules.max_per_category is None
        if not any_item:
            most *= _SPARE
        while True:
            found = self._lookup.top(
                most,
                sources,
                excluded,
                user=request.user,
                recent=self._recent,
                within=within,
                categories=rules.max_per_category is not None,
            )
            if found is None:
                return None
            visitor = visitor_of(found.recent, _now())
            rows = zip(found.items, found.scores, found.sources, strict=True)
            categories = dict(zip(found.items, found.categories, strict=False))
            chosen = rules.select(
                (Candidate(*row) for row in rows), categories, visitor.seen, visitor.barred
            )
            if len(chosen) == request.k or len(found.items) < most:
                break
            # A second time at most: without barred items, those that any_item leaves are enough.
            excluded = (*excluded, *visitor.barred)
            most = request.k if any_item else _ALL
        return _answer(chosen, found.version, chosen[0][0].source if chosen else name)

    def _rules_of(self, request: ItemRequest, reminders: int | None) -> Rules:
        return Rules(
            request.k,
            self._rules.max_per_category,
            reminders if request.reminders else 0,
            request.discoveries,
        )

    def _within(self, request: ItemRequest) -> ItemFilter:
        """What it asks of items, its categories with all below them."""
        named = request.within.categories
        if not named:
            return request.within
        return request.within._replace(
            categories=named.union(*(self._below.get(each, ()) for each in named))
        )

    def _fallback(self, request: ItemRequest, excluded: tuple[str, ...]) -> Answer:
        found: list[tuple[str, float | None]] = []
        if request.within == ANY_ITEM and request.discoveries:
            found = list(self._popular.top(request.k, frozenset(excluded)))
        items, scores = [item for item, _ in found], [score for _, score in found]
        n = len(items)
        return Answer(
            items, scores, [FALLBACK] * n, [None] * n, [None] * n, None, FALLBACK, _now()
        )


def _answer(chosen: list[tuple[Candidate, Role]], version: str | None, name: str) -> Answer:
    return Answer(
        [each.item for each, _ in chosen],
        [each.score for each, _ in chosen],
        [each.source for each, _ in chosen],
        [role for _, role in chosen],
        [each.because for each, _ in chosen],
        version,
        name,
        _now(),
    )


def _now() -> int:
    return time.time_ns() // 1_000_000
