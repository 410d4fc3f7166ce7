"""The checker of the shop's homework: it passes what is right, and names what is not."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

CHECK = Path(__file__).parents[2] / "homework" / "check_shop.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_shop", CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def time_cut(events: pd.DataFrame, share: float) -> Any:
    times = events.timestamp.sort_values()
    at = times.iloc[int(share * len(events))]
    return events[events.timestamp < at], events[events.timestamp >= at]


def by_rows(events: pd.DataFrame, share: float) -> Any:
    events = events.sort_values("timestamp")
    n = int(share * len(events))
    return events.iloc[:n], events.iloc[n:]


def test_a_cut_that_is_right_passes_and_others_are_told_why(check: ModuleType) -> None:
    assert check.check_time_cut(time_cut) == "Homework 1 is right"
    assert "not done yet" in check.check_time_cut(lambda *_: None)
    assert "must end before" in check.check_time_cut(by_rows)
    assert "one of the two" in check.check_time_cut(lambda events, _: (events, events))
    assert "are learned from" in check.check_time_cut(lambda e, _: (e.iloc[:0], e))


def test_coverage_that_is_right_passes_and_others_are_told_why(check: ModuleType) -> None:
    def right(lists: Any, catalogue: Any) -> float:
        return len({item for items in lists for item in items} & set(catalogue)) / len(catalogue)

    assert check.check_coverage(right) == "Homework 2 is right"
    assert "not done yet" in check.check_coverage(lambda *_: None)
    assert "counts once" in check.check_coverage(
        lambda lists, catalogue: sum(map(len, lists)) / len(catalogue)
    )
    assert "does not have" in check.check_coverage(
        lambda lists, catalogue: len({item for of in lists for item in of}) / len(catalogue)
    )
