"""Marks the homework of workshop.ipynb: says what is right, or the first thing that is not."""

from collections.abc import Callable
from typing import Any

import numpy as np

_CARDS = (
    ({"title": "Heat (1995)", "genres": "Action|Crime"}, "Heat", 1995, ["Action", "Crime"]),
    ({"title": "Seven (a.k.a. Se7en) (1995)", "genres": "Thriller"},
     "Seven (a.k.a. Se7en)", 1995, ["Thriller"]),
    ({"title": "2001: A Space Odyssey", "genres": "(no genres listed)"},
     "2001: A Space Odyssey", None, []),
)  # fmt: skip


def check_ranking(ranking: Callable[..., Any]) -> str:
    """Homework 1: tried on small matrices, with rated items, ties, and a list that is too long."""
    rng = np.random.default_rng(7)
    for n in (3, 50):
        # Halves, so that scores are equal here and there.
        vectors, user = rng.integers(-2, 3, (12, 3)) / 2, rng.integers(-2, 3, 3) / 2
        rated = rng.choice(12, 4, replace=False)
        found = ranking(user.copy(), vectors.copy(), rated.copy(), n)
        if found is None:
            return "Homework 1 is not done yet: ranking returns nothing"
        found = [int(number) for number in found]
        if set(found) & set(rated.tolist()):
            return "Homework 1: the ranking has items that the user has rated"
        scores = vectors @ user
        left = [number for number in range(12) if number not in rated]
        expected = sorted(left, key=lambda number: (-scores[number], number))[:n]
        if len(found) != len(expected):
            return f"Homework 1: {len(found)} items where {len(expected)} were asked for and left"
        if found != expected:
            return f"Homework 1: the best are {expected}, not {found}: look at the order, and ties"
    return "Homework 1 is right"


def check_card(card: Callable[..., Any]) -> str:
    """Homework 2: tried on films with and without a year, and without genres."""
    for item, title, year, genres in _CARDS:
        found = card(dict(item))
        if found is None:
            return "Homework 2 is not done yet: card returns nothing"
        for name, expected in (("title", title), ("year", year), ("genres", genres)):
            if name not in found:
                return f"Homework 2: the card has no {name!r}"
            if found[name] != expected:
                told = f"{name!r} of {item['title']!r} is {expected!r}, not {found[name]!r}"
                return f"Homework 2: {told}"
    return "Homework 2 is right"
