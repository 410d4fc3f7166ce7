"""Weighted reciprocal ranks: several lists of items become one."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Fused(NamedTuple):
    """An item of the lists."""

    item: str
    score: float
    """The sum over the lists that have it."""
    source: str
    """Of the list that adds most."""
    because: str | None
    """What that list is of."""


class Fusion:
    """Adds lists one by one.

    >>> fusion = Fusion(constant=1)
    >>> fusion.add(["a", "b"], 1.0, "mine")
    >>> fusion.add(["b"], 2.0, "near", "c")
    >>> fusion.best_first()[0]
    Fused(item='b', score=1.3333333333333333, source='near', because='c')
    """

    def __init__(self, constant: float) -> None:
        """The larger `constant` is, the less the first ranks count for."""
        self._constant = constant
        self._totals: dict[str, float] = {}
        self._best: dict[str, tuple[float, str, str | None]] = {}
        self._of_source: dict[str, dict[str, float]] = {}

    def add(
        self, items: Iterable[str], weight: float, source: str, because: str | None = None
    ) -> None:
        """Items, best first."""
        self.add_parts(
            ((item, weight / (self._constant + rank)) for rank, item in enumerate(items, 1)),
            source,
            because,
        )

    def add_parts(
        self, parts: Iterable[tuple[str, float]], source: str, because: str | None = None
    ) -> None:
        """Items, each with what it adds to its score."""
        totals, best = self._totals, self._best
        of_source = self._of_source.setdefault(source, {})
        for item, part in parts:
            of_source[item] = of_source.get(item, 0.0) + part
            if item in totals:
                totals[item] += part
                if part > best[item][0]:
                    best[item] = (part, source, because)
            else:
                totals[item] = part
                best[item] = (part, source, because)

    def best_first(self) -> list[Fused]:
        """Of items with one score, the one that was added first is first."""
        order = sorted(self._totals.items(), key=lambda pair: -pair[1])
        return [Fused(item, total, *self._best[item][1:]) for item, total in order]

    def of_source(self, source: str) -> Mapping[str, float]:
        """The items of the lists of one source, best first, with their scores."""
        found = self._of_source.get(source, {})
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))
