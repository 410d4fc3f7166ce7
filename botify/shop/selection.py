"""A shop's rules: which of the candidates, best first, are answered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Literal, NamedTuple

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


class Rules(NamedTuple):
    """What an answer keeps to."""

    k: int
    max_per_category: int | None = None
    """Of items whose category is known."""
    reminders: int | None = None
    """The most of them; None: any number."""
    discoveries: bool = True

    def may_have(self, item: str, seen: Set[str]) -> bool:
        """Whether answers may have an item, by what the visitor has seen."""
        return self.reminders != 0 if item in seen else self.discoveries

    def select(
        self,
        candidates: Iterable[Candidate],
        categories: Mapping[str, str],
        seen: Set[str],
        barred: Set[str],
    ) -> list[tuple[Candidate, Role]]:
        """The first k that keep to the rules, each item once.

        `categories` by item, "" for none. An item of `seen`, which the visitor knows, is a
        reminder; one of `barred` is left out.
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
            if self.max_per_category is not None and (category := categories.get(item)):
                if of_category[category] >= self.max_per_category:
                    continue
                of_category[category] += 1
            taken.add(item)
            reminders += role == "reminder"
            chosen.append((candidate, role))
        return chosen
