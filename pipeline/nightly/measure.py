"""How good lists are for what visitors did after a cut, one value per visitor."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.files import NEIGHBOURS, RECOMMENDATIONS
from pipeline.nightly.faces import Face


@dataclass(frozen=True)
class Lists:
    """What the service reads."""

    users: Mapping[str, Sequence[str]]
    neighbours: Mapping[str, Sequence[str]]
    popular: Sequence[str]


@dataclass(frozen=True)
class Visitor:
    """A visitor after the cut."""

    user: str
    targets: frozenset[str]
    """Items that a good list has."""
    steps: tuple[tuple[str, str], ...]
    """(item the visitor came from, item of the target), the two not the same."""


def read_lists(directory: Path, face: Face) -> Lists:
    """The lists in a directory of `botify-offline train --export`."""

    def table(name: str, key: str, listed: str) -> dict[str, list[str]]:
        with (directory / name).open() as lines:
            return {
                str(row[key]): [str(item) for item in row[listed]]
                for row in map(json.loads, lines)
            }

    popular = json.loads((directory / face.popular).read_text())
    items = popular["items"] if isinstance(popular, dict) else popular
    return Lists(
        table(RECOMMENDATIONS, "user", face.listed[0]),
        table(NEIGHBOURS, face.item, face.listed[1]),
        [str(item) for item in items],
    )


def visitors(
    events: Iterable[tuple[str, str, str, bool]], targets: Sequence[str]
) -> list[Visitor]:
    """Those with a target after the cut.

    `events`: (user, item, event, whether it may be a target), by user and time.
    """
    found: dict[str, tuple[set[str], list[tuple[str, str]]]] = {}
    user, before = "", ""
    for who, item, event, judged in events:
        if who != user:
            user, before = who, ""
        if judged and event in targets:
            items, steps = found.setdefault(user, (set(), []))
            items.add(item)
            if before and before != item:
                steps.append((before, item))
        if item != before:
            before = item
    return [Visitor(who, frozenset(items), tuple(steps)) for who, (items, steps) in found.items()]


def ndcg(ranked: Sequence[str], targets: frozenset[str], k: int) -> float:
    """Normalised discounted cumulative gain of the first k, of 0 or 1 gains.

    >>> ndcg(["a", "b"], frozenset("a"), 2)
    1.0
    """
    gain = sum(1 / math.log2(rank + 2) for rank, item in enumerate(ranked[:k]) if item in targets)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(targets))))


def answer(lists: Lists, user: str, k: int) -> list[str]:
    """The visitor's list, filled up with popular items."""
    own = list(lists.users.get(user, ()))[:k]
    return own + [item for item in lists.popular if item not in own][: k - len(own)]


def per_visitor(
    lists: Lists, found: Sequence[Visitor], k: int
) -> dict[str, npt.NDArray[np.float64]]:
    """NDCG@k of the answer; share of steps whose target is among the k nearest neighbours of the
    item before it, NaN for a visitor without steps."""
    quality, hits = np.empty(len(found)), np.full(len(found), np.nan)
    for row, each in enumerate(found):
        quality[row] = ndcg(answer(lists, each.user, k), each.targets, k)
        if each.steps:
            near = [
                item in list(lists.neighbours.get(before, lists.popular))[:k]
                for before, item in each.steps
            ]
            hits[row] = sum(near) / len(near)
    return {"ndcg": quality, "neighbours_hit": hits}


def facts(
    lists: Lists, found: Sequence[Visitor], k: int, items: frozenset[str]
) -> dict[str, float]:
    """Counts of lists, and what share of all items the visitors' answers have."""
    shown = {item for each in found for item in answer(lists, each.user, k)}
    listed = {item for one in (*lists.users.values(), *lists.neighbours.values()) for item in one}
    listed |= set(lists.popular)
    return {
        "coverage": len(shown & items) / max(1, len(items)),
        "lists": float(len(lists.users)),
        "items_with_neighbours": float(len(lists.neighbours)),
        "popular": float(len(lists.popular)),
        "unknown_items": float(len(listed - items)),
    }


def paired(
    old: npt.NDArray[np.float64],
    new: npt.NDArray[np.float64],
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float, float]:
    """Mean of new - old, and its percentile bootstrap interval over visitors."""
    difference = (new - old)[~np.isnan(new - old)]
    if not len(difference):
        return math.nan, math.nan, math.nan
    random = np.random.default_rng(seed)
    means = np.array(
        [
            difference[random.integers(0, len(difference), len(difference))].mean()
            for _ in range(resamples)
        ]
    )
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(difference.mean()), float(low), float(high)
