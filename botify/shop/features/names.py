"""Which features there are: names in order, and a fingerprint of what they mean."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from botify.shop.features.counts import COUNTED, HALF_LIFE_DAYS

MEANING = 1
"""To be raised when a feature of the same name is computed in another way."""

RANK = "rank:"
"""Before the name of a source: the candidate's place there, from 0."""
SCORE = "score:"
"""Before the name of a source: the candidate's score there."""

FIXED = (
    "item_views",
    "item_carts",
    "item_purchases",
    "item_cart_rate",
    "item_age",
    "category_views",
    "category_carts",
    "category_purchases",
    "category_cart_rate",
    "visitor_events",
    "visitor_idle",
    "visitor_item_views",
    "visitor_item_carts",
    "visitor_item_purchases",
    "visitor_item_dismissed",
    "visitor_item_viewed_ago",
    "visitor_item_carted_ago",
    "visitor_item_purchased_ago",
    "visitor_item_place",
    "visitor_category_views",
    "visitor_category_carts",
    "visitor_category_purchases",
    "visitor_category_ago",
    "price",
    "price_ratio",
    "hour",
    "weekday",
)
"""The features that do not depend on the sources; docs/reference/shop-features.md defines them."""


class FeatureSet(NamedTuple):
    """The features of one ranker.

    >>> FeatureSet(("similar", "popular")).names[:3]
    ('rank:similar', 'rank:popular', 'item_views')
    """

    sources: tuple[str, ...]
    """Names of the sources of candidates."""
    scores: bool = False
    """Whether the scores that the sources give are features too."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        ranks = [RANK + source for source in self.sources]
        scores = [SCORE + source for source in self.sources] if self.scores else []
        return (*ranks, *scores, *FIXED)

    @property
    def of_sources(self) -> int:
        """How many of the names, the first ones, depend on the sources."""
        return len(self.sources) * (2 if self.scores else 1)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: of the names, their order, and what they mean."""
        meaning = [MEANING, HALF_LIFE_DAYS, COUNTED, self.names]
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]


def feature_set(names: Sequence[str]) -> FeatureSet | None:
    """The set that has these names in this order; None if there is none.

    >>> feature_set(FeatureSet(("a",), scores=True).names)
    FeatureSet(sources=('a',), scores=True)
    >>> feature_set(["colour"])
    """
    sources = tuple(name.removeprefix(RANK) for name in names if name.startswith(RANK))
    found = FeatureSet(sources, any(name.startswith(SCORE) for name in names))
    return found if found.names == tuple(names) else None


def difference(names: Sequence[str], sources: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names that cannot be computed where there are these sources, and the sources' ranks that
    are missing among the names."""
    known = {*FIXED, *(RANK + source for source in sources), *(SCORE + s for s in sources)}
    lacking = [RANK + source for source in sources if RANK + source not in names]
    return [name for name in names if name not in known], lacking
