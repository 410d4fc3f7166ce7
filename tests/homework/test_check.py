"""The checker of the workshop's homework: it passes what is right, and names what is not."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

CHECK = Path(__file__).parents[2] / "homework" / "check.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ranking(user: Any, items: Any, rated: Any, n: int, skip: bool = True) -> list[int]:
    scores = (items @ user).astype(float)
    if skip:
        scores[rated] = -np.inf
    return [int(i) for i in np.argsort(-scores, kind="stable")[:n] if np.isfinite(scores[i])]


def card(item: dict[str, str]) -> dict[str, Any]:
    found = re.fullmatch(r"(.*) \((\d{4})\)", item["title"])
    genres = item["genres"].split("|")
    return {
        "title": found[1] if found else item["title"],
        "year": int(found[2]) if found else None,
        "genres": [] if genres == ["(no genres listed)"] else genres,
    }


@pytest.mark.parametrize(
    ("solution", "verdict"),
    [
        (ranking, "Homework 1 is right"),
        (lambda *_: None, "not done yet"),
        (lambda *given: ranking(*given, skip=False), "has items that the user has rated"),
        (lambda *given: ranking(*given)[::-1], "look at the order"),
        (lambda *given: ranking(*given)[:-1], "items where"),
    ],
)
def test_the_ranking(check: ModuleType, solution: Callable[..., Any], verdict: str) -> None:
    assert verdict in check.check_ranking(solution)


@pytest.mark.parametrize(
    ("solution", "verdict"),
    [
        (card, "Homework 2 is right"),
        (lambda _: None, "not done yet"),
        (lambda item: {"title": card(item)["title"]}, "the card has no 'year'"),
        (lambda item: {**card(item), "year": "1995"}, "'year' of 'Heat (1995)' is 1995"),
        (lambda item: {**card(item), "genres": item["genres"].split("|")}, "is [], not"),
    ],
)
def test_the_card(check: ModuleType, solution: Callable[..., Any], verdict: str) -> None:
    assert verdict in check.check_card(solution)
