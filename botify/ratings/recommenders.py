"""Recommenders of the ratings face: which items of a publication a user gets.

A type is a class with its settings inside, `Config`, offered as an entry point of the group
`botify.rating_recommenders`; the built-in ones too.
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import ClassVar, Self

from botify.config import (
    RATING_RECOMMENDERS,
    RatingRecommenderConfig,
    RatingsConfig,
    made_of,
)
from botify.errors import InputError
from botify.factors import Ranked, Snapshot, UserFactors
from botify.ratings.publications import LivePublication, Publications

__all__ = ["RatingRecommender", "RatingRecommenderConfig", "build_rating_recommenders"]


class RatingRecommender(ABC):
    """Ranks the items of a publication for a user."""

    Config: ClassVar[type[RatingRecommenderConfig]] = RatingRecommenderConfig
    """The settings of the type; a subclass with some of its own has a nested class `Config`."""

    def __init__(
        self, name: str, config: RatingRecommenderConfig, publication: LivePublication
    ) -> None:
        """`name` is what the log says; `publication` is what the config names."""
        self.name = name
        self.config = config
        self.publication = publication

    @classmethod
    def from_config(
        cls, name: str, config: RatingRecommenderConfig, publication: LivePublication
    ) -> Self:
        """The recommender of an entry of the config; `config` is of the class `Config`."""
        return cls(name, config, publication)

    @abstractmethod
    def rank(self, snapshot: Snapshot, user: UserFactors, n: int) -> Ranked:
        """The best `n` items for a user that the publication knows, without those rated. Cheap and
        free of side effects: it runs once per request."""


class Factors(RatingRecommender):
    """The items with the highest predicted ratings: the user's vector times all items'."""

    def rank(self, snapshot: Snapshot, user: UserFactors, n: int) -> Ranked:
        """Of the user's stored ranking, where the publication has one that is long enough."""
        return snapshot.rank(user, n)


class PopularRatings(RatingRecommender):
    """The most popular items, with their mean ratings."""

    def rank(self, snapshot: Snapshot, user: UserFactors, n: int) -> Ranked:
        """The same for all, but for what the user has rated."""
        return snapshot.popular(n, set(user.rated.tolist()))


def build_rating_recommenders(
    config: RatingsConfig, publications: Publications
) -> dict[str, RatingRecommender]:
    """One recommender per entry of the config, by name. Raises InputError."""
    made: dict[str, RatingRecommender] = {}
    for name, entry in config.recommenders.items():
        publication = publications.of(entry)
        type_ = RATING_RECOMMENDERS.get(entry.type)
        made[name] = made_of(entry, name, partial(type_.from_config, name, entry, publication))
    return made


def check_rating_recommenders(config: RatingsConfig) -> dict[str, Snapshot]:
    """What the config's recommenders would serve, by their names.

    Opens all stores and closes them again. Raises InputError that names the recommender, if it
    cannot be made, its store cannot be used, or nothing is published there.
    """
    publications = Publications(config)
    found = {}
    try:
        for name, made in build_rating_recommenders(config, publications).items():
            snapshot = made.publication.current
            if snapshot is None:
                raise InputError(f"recommenders.{name}: {made.publication.refusal}")
            found[name] = snapshot
    finally:
        publications.close()
    return found
