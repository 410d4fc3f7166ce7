"""Trees of categories."""

import csv
import os
from pathlib import Path

import pytest

from contract.categories import parse_tree
from contract.errors import FormatError


def test_a_tree_in_any_order() -> None:
    rows = [(3, 2), ("2", "1"), (4, ""), (5, None), (6, float("nan")), (3, "2")]
    assert parse_tree(rows) == {"3": "2", "2": "1", "4": None, "5": None, "6": None, "1": None}
    assert parse_tree([]) == {}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("a", "a")], "categories in a circle: a below a"),
        ([("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")], "circle: a below b below c below a"),
        ([("a", "b"), ("a", "c")], "category 'a' is below 'b' and below 'c'"),
        ([("", "b")], "a category must be"),
        ([("a", [])], "the one above must be"),
    ],
)
def test_what_is_no_tree(rows: list[tuple[object, object]], says: str) -> None:
    with pytest.raises(FormatError, match=says):
        parse_tree(rows)


def test_a_deep_one_takes_no_long_time() -> None:
    assert len(parse_tree((n, n + 1) for n in range(100_000))) == 100_001


def test_a_real_one() -> None:
    path = Path(os.environ.get("BOTIFY_DATA", "")) / "retailrocket-2k" / "category_tree.csv"
    if not path.is_file():
        pytest.skip("BOTIFY_DATA names no directory with retailrocket-2k")
    with path.open(newline="") as file:
        rows = [(row["categoryid"], row["parentid"]) for row in csv.DictReader(file)]
    tree = parse_tree(rows)
    assert len(tree) == 1669
    assert [*tree.values()].count(None) == 25
