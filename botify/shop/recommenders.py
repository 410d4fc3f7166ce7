"""Recommenders of items: where to look for those of a request. The service adds popular items.

A type is a class with its settings inside, `Config`, offered as an entry point of the group
`botify.item_recommenders`; the built-in ones too.

What a visitor did last and what the shop says of an item reach an answer in the one round trip
that reads the lists. A recommender names its sources before that: a `Source` with `recent` has the
script look up the lists of the items of the last events. `ItemStore.top` also replies the last
events themselves (`recent=50`: item, kind, time in ms; newest first), and with `categories=True`
the category of each item, as changed by `POST /items` up to this moment. Hidden and unavailable
items are left out there, and those that are not `within` the categories and prices of a request.
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import ClassVar, Self

from pydantic import Field

from botify.config import (
    ITEM_RECOMMENDERS,
    POPULAR_LIST,
    ItemRecommenderConfig,
    ListName,
    NeighboursName,
    ShopConfig,
    made_of,
)
from botify.config.settings import Name
from botify.lists.reader import EVERYONE
from botify.shop.request import MAX_SEEDS, ItemRequest
from botify.store.item_candidates import OfRecent
from botify.store.items import Source

__all__ = ["ItemRecommender", "ItemRecommenderConfig", "build_item_recommenders"]


class ItemRecommender(ABC):
    """Names the sources of a request's items; the store takes from them one after the other."""

    Config: ClassVar[type[ItemRecommenderConfig]] = ItemRecommenderConfig
    """The settings of the type; a subclass with some of its own has a nested class `Config`."""

    def __init__(self, name: str, config: ItemRecommenderConfig) -> None:
        """`name` is the source of its items in answers and in the log."""
        self.name = name
        self.config = config

    @classmethod
    def from_config(cls, name: str, config: ItemRecommenderConfig) -> Self:
        """The recommender of an entry of the config; `config` is of the class `Config`."""
        return cls(name, config)

    @abstractmethod
    def sources(self, request: ItemRequest) -> tuple[Source, ...]:
        """Where to look, in order. Cheap and free of side effects: it runs once per request."""


class UserList(ItemRecommender):
    """The user's list, best first."""

    class Config(ItemRecommenderConfig):
        """Names the lists of users."""

        list: ListName

    config: Config

    def sources(self, request: ItemRequest) -> tuple[Source, ...]:
        """One list."""
        return (Source(self.name, ((self.config.list, request.user),)),)


class SimilarItems(ItemRecommender):
    """The neighbours of the items that the request names, else of those that the visitor viewed,
    rated, put into the cart or bought last; in turns, best first."""

    class Config(ItemRecommenderConfig):
        """Names the lists of neighbours, and says which of the last events count."""

        neighbours: NeighboursName
        recent: int = Field(default=5, ge=0, le=MAX_SEEDS)
        """Of how many items of the last events; 0: only of those that the request names."""
        kinds: tuple[Name, ...] = ("view", "addtocart", "transaction", "rating")
        """The kinds of event that count."""

    config: Config

    def sources(self, request: ItemRequest) -> tuple[Source, ...]:
        """The lists of all these items together."""
        of = self.config
        if request.items or not of.recent:
            lists = tuple((of.neighbours, item) for item in request.items)
            return (Source(self.name, lists),) if lists else ()
        return (Source(self.name, (), OfRecent(of.neighbours, of.recent, of.kinds)),)


class Popular(ItemRecommender):
    """The popular items, most popular first."""

    def sources(self, request: ItemRequest) -> tuple[Source, ...]:
        """One list, of everyone."""
        return (popular_source(self.name),)


def popular_source(answers_as: str = "popular") -> Source:
    """The popular items: what an answer is filled up with."""
    return Source(answers_as, ((POPULAR_LIST, EVERYONE),))


def build_item_recommenders(config: ShopConfig) -> dict[str, ItemRecommender]:
    """One recommender per entry of the config, by name. Raises InputError."""
    made: dict[str, ItemRecommender] = {}
    for name, entry in config.recommenders.items():
        make = partial(ITEM_RECOMMENDERS.get(entry.type).from_config, name, entry)
        made[name] = made_of(entry, name, make)
    return made
