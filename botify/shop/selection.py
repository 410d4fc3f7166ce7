"""A shop's rules: which of the candidates, best first, are answered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from contract.ids import owner_id
from contract.values import is_number

Role = Literal["reminder", "discovery"]


class Candidate(NamedTuple):
    """An item that may be answered."""

    item: str
    score: float | None
    source: str
    """Where it is from."""
    because: str | None = None
    """The item that it is similar to, or itself, where it is there for that."""
    places: Mapping[str, tuple[int, float | None]] = MappingProxyType({})
    """For a ranker: by source that has it, its place there, from 0, and its score."""


class Filter(NamedTuple):
    """What a request asks of the items."""

    categories: frozenset[str] = frozenset()
    """Each with all below it; empty: any."""
    least: float | None = None
    """Price."""
    most: float | None = None

    @property
    def of_details(self) -> bool:
        """Whether it needs to be known what the shop says of an item."""
        return self != Filter()

    def admits(self, details: Mapping[str, Any], above: Mapping[str, str | None]) -> bool:
        """Whether an item is inside; one without a category or a price that is asked for is not.

        `above`: the category above each.
        """
        if self.categories:
            category = owner_id(details.get("category"))
            while category is not None and category not in self.categories:
                category = above.get(category)
            if category is None:
                return False
        if self.least is None and self.most is None:
            return True
        price = details.get("price")
        if not is_number(price):
            return False
        return (self.least is None or price >= self.least) and (
            self.most is None or price <= self.most
        )


class Rules(NamedTuple):
    """What an answer keeps to."""

    k: int
    filter: Filter = Filter()
    above: Mapping[str, str | None] = MappingProxyType({})
    """The category above each."""
    max_per_category: int | None = None
    """Of items whose category is known."""
    reminders: int | None = None
    """The most of them; None: any number."""
    discoveries: bool = True

    @property
    def of_details(self) -> bool:
        """Whether it needs to be known what the shop says of an item."""
        return self.filter.of_details or self.max_per_category is not None

    def may_have(self, item: str, seen: Set[str]) -> bool:
        """Whether answers may have an item, by what the visitor has seen."""
        return self.reminders != 0 if item in seen else self.discoveries

    def select(
        self,
        candidates: Iterable[Candidate],
        details: Mapping[str, Mapping[str, Any]],
        seen: Set[str],
        barred: Set[str],
    ) -> list[tuple[Candidate, Role]]:
        """The first k that keep to the rules, each item once.

        `details` by item. An item of `seen`, which the visitor knows, is a reminder; one of
        `barred` is left out.
        """
        chosen: list[tuple[Candidate, Role]] = []
        taken = set(barred)
        reminders = 0
        of_category: Counter[str] = Counter()
        for candidate in candidates:
            if len(chosen) >= self.k:
                break
            item = candidate.item
            if item in taken:
                continue
            role: Role = "reminder" if item in seen else "discovery"
            if not self.may_have(item, seen):
                continue
            if role == "reminder" and self.reminders is not None and reminders >= self.reminders:
                continue
            of_item = details.get(item, {})
            if not self.filter.admits(of_item, self.above):
                continue
            if self.max_per_category is not None:
                category = owner_id(of_item.get("category"))
                if category is not None and of_category[category] >= self.max_per_category:
                    continue
                of_category[category or ""] += 1
            taken.add(item)
            reminders += role == "reminder"
            chosen.append((candidate, role))
        return chosen
