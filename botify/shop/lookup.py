"""Reads lists and items of Redis while it is available."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from botify.shop.features.facts import Facts
from botify.shop.item_facts import read_facts
from botify.shop.redis_calls import RedisCalls
from botify.store.client import StoreError
from botify.store.item_candidates import CandidateQuery, Candidates
from botify.store.item_facts import ItemFactsStore
from botify.store.item_filter import ANY_ITEM, ItemFilter
from botify.store.items import ItemStore, Source, TopItems
from botify.store.visitor_events import RecentEvent


class ItemLookup:
    """Asks Redis while it is available, and reports to the circuit breaker how that went."""

    def __init__(self, store: ItemStore, facts: ItemFactsStore, calls: RedisCalls) -> None:
        self._store = store
        self._facts = facts
        self._calls = calls

    def top(
        self,
        most: int,
        sources: tuple[Source, ...],
        exclude: tuple[str, ...] = (),
        *,
        user: str = "",
        recent: int = 0,
        within: ItemFilter = ANY_ITEM,
        categories: bool = False,
    ) -> TopItems | None:
        """As `ItemStore.top`; None without Redis."""
        if not self._calls.up:
            return None
        try:
            found = self._store.top(
                most,
                sources,
                exclude,
                user=user,
                recent=recent,
                within=within,
                categories=categories,
            )
        except StoreError as error:
            self._calls.failed(error)
            return None
        self._calls.answered(monotonic())
        return found

    def candidates(
        self,
        query: CandidateQuery,
        user: str,
        exclude: tuple[str, ...] = (),
        within: ItemFilter = ANY_ITEM,
        categories: bool = False,
    ) -> Candidates | None:
        """As `ItemStore.candidates`; None without Redis."""
        if not self._calls.up:
            return None
        try:
            found = self._store.candidates(query, user, exclude, within, categories)
        except StoreError as error:
            self._calls.failed(error)
            return None
        self._calls.answered(monotonic())
        return found

    def facts(self, items: Sequence[str], recent: Sequence[RecentEvent]) -> Facts | None:
        """As `read_facts`; None without Redis."""
        if not self._calls.up:
            return None
        try:
            found = read_facts(self._facts, items, recent)
        except StoreError as error:
            self._calls.failed(error)
            return None
        self._calls.answered(monotonic())
        return found

    def item(self, item: str) -> dict[str, Any] | None:
        """As `ItemStore.item`. Raises StoreError."""
        self._calls.check()
        try:
            return self._store.item(item)
        except StoreError as error:
            self._calls.failed(error)
            raise

    def catalogue(self, version: str) -> int | None:
        """How many items this version of the catalogue has; None without Redis."""
        if not self._calls.up:
            return None
        try:
            return self._store.n_items(version)
        except StoreError as error:
            self._calls.failed(error)
            return None

    def recent(self, user: str, most: int) -> tuple[RecentEvent, ...] | None:
        """As `ItemStore.recent`; None without Redis."""
        found = self.top(0, (), user=user, recent=most)
        return None if found is None else found.recent
