"""From the config's `recommenders` to objects."""

from typing import assert_never

from botify.catalog import Catalog
from botify.config import (
    Config,
    ContextualConfig,
    IndexedConfig,
    RandomConfig,
    RecommenderConfig,
    StickyArtistConfig,
    TopPopConfig,
)
from botify.recommenders.base import Recommender
from botify.recommenders.contextual import Contextual
from botify.recommenders.indexed import Indexed
from botify.recommenders.random import Random
from botify.recommenders.sticky_artist import StickyArtist
from botify.recommenders.top_pop import TopPop


def build_recommenders(config: Config, catalog: Catalog) -> dict[str, Recommender]:
    """One recommender per entry of the config, by name."""
    return {name: _build(name, entry, catalog) for name, entry in config.recommenders.items()}


def _build(name: str, entry: RecommenderConfig, catalog: Catalog) -> Recommender:
    match entry:
        case RandomConfig():
            return Random(name)
        case TopPopConfig():
            return TopPop(name)
        case StickyArtistConfig():
            return StickyArtist(name, catalog)
        case ContextualConfig():
            return Contextual(name, entry.neighbours)
        case IndexedConfig():
            return Indexed(name, entry.list)
        case _:
            assert_never(entry)
