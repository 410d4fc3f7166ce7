"""Marks the homework of shop.ipynb: says what is right, or the first thing that is not."""

from collections.abc import Callable
from typing import Any

import pandas as pd


def check_time_cut(time_cut: Callable[..., Any]) -> str:
    """Homework 1: tried on events out of order, and on a moment at which several happened."""
    events = pd.DataFrame({"user": list("abcabc"), "timestamp": [5, 1, 3, 3, 2, 3]})
    for share, expected in ((0.5, [1, 2]), (0.2, [1]), (0.9, [1, 2, 3, 3, 3])):
        found = time_cut(events.copy(), share)
        if found is None:
            return "Homework 1 is not done yet: time_cut returns nothing"
        before, after = found
        if len(before) + len(after) != len(events):
            return "Homework 1: each event belongs to one of the two parts"
        if max(before.timestamp, default=0) >= min(after.timestamp, default=9):
            return "Homework 1: what is learned from must end before what is asked for begins"
        if sorted(before.timestamp) != expected:
            return (
                f"Homework 1: with {share:.0%}, the times {expected} are learned from, not "
                f"{sorted(before.timestamp)}: at most that share of the events"
            )
    return "Homework 1 is right"


def check_coverage(coverage: Callable[..., Any]) -> str:
    """Homework 2: tried on lists that share items, on no list, and on items that are gone."""
    catalogue = ["a", "b", "c", "d"]
    for lists, expected, why in (
        ([["a", "b"], ["b", "a"]], 0.5, "an item counts once, however many lists have it"),
        ([], 0.0, "without lists, nothing of the catalogue is shown"),
        ([["a", "x"]], 0.25, "an item that the catalogue does not have is none of its items"),
        ([["a"], ["b"], ["c"], ["d"]], 1.0, "all items of the catalogue are shown"),
    ):
        found = coverage([list(items) for items in lists], list(catalogue))
        if found is None:
            return "Homework 2 is not done yet: coverage returns nothing"
        if abs(found - expected) > 1e-9:
            return f"Homework 2: {lists} covers {expected}, not {found}: {why}"
    return "Homework 2 is right"
