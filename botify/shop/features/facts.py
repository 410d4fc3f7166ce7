"""What is known at one moment of the items that features are computed of."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from botify.shop.features.counts import NOTHING, Sums
from contract.values import LARGEST_EXACT, is_number


class ItemFacts(NamedTuple):
    """Of one item."""

    category: str | None = None
    """As `category_of` has it."""
    price: float | None = None
    sums: Sums = NOTHING
    first: int | None = None
    """The time of its first counted event, in ms; None if there was none."""


class Facts(NamedTuple):
    """Of the candidates, of the items of the visitor's last events, and of their categories."""

    items: Mapping[str, ItemFacts]
    categories: Mapping[str, Sums]
    total: Sums
    """Of all items."""


class Placed(Protocol):
    """An item that may be answered."""

    @property
    def item(self) -> str:
        """Its id."""

    @property
    def places(self) -> Mapping[str, tuple[int, float | None]]:
        """By the name of each source that has it: its place there, from 0, and its score."""


class Candidate(NamedTuple):
    """An item that may be answered."""

    item: str
    places: Mapping[str, tuple[int, float | None]]
    """By the name of each source that has it: its place there, from 0, and its score."""


def category_of(fields: Mapping[str, Any]) -> str | None:
    """What stands for an item's category: text and integers are categories, the rest is none.

    >>> category_of({"category": 12}), category_of({"category": "12"}), category_of({})
    ('n12', 's12', None)
    """
    value = fields.get("category")
    if isinstance(value, str):
        return "s" + value if value else None
    if is_number(value) and abs(value) <= LARGEST_EXACT and value == int(value):
        return f"n{int(value)}"
    return None


def price_known(fields: Mapping[str, Any]) -> float | None:
    """An item's price, if it is one above 0."""
    value = fields.get("price")
    return float(value) if is_number(value) and 0 < value < LARGEST_EXACT else None
