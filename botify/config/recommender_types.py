"""`recommenders`: the types there are, and the settings of each.

A new type is a class here, with its name in RecommenderConfig; the rest follows from these.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import Field, field_validator

from botify.config.settings import Name, Settings

MAX_EXCLUDED = 1000
"""Tracks that one recommender or one request may exclude; each request sends them to Redis."""


class Reference(NamedTuple):
    """Marks a setting that names an entry of another part of the config."""

    section: Literal["lists", "neighbours", "models"]


ListName = Annotated[Name, Reference("lists")]
NeighboursName = Annotated[Name, Reference("neighbours")]
ModelName = Annotated[Name, Reference("models")]


class Referring(Settings):
    """Settings some of which name entries of other parts of the config."""

    def references(self) -> Iterator[tuple[str, str, str]]:
        """Setting, section and name of each entry of the config that this one needs."""
        for setting, field in type(self).model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Reference):
                    yield setting, mark.section, getattr(self, setting)


class _Recommender(Referring):
    seen_filter: bool = True
    """Whether its own tracks must not have been seen (played or offered) in the session; those it
    falls back to never have."""
    exclude: tuple[int, ...] = Field(default=(), max_length=MAX_EXCLUDED)
    """Tracks that neither it nor what it falls back to offers."""

    @field_validator("exclude", mode="before")
    @classmethod
    def _integers(cls, value: object) -> object:
        if not isinstance(value, list | tuple) or any(type(track) is not int for track in value):
            raise ValueError("must be a list of track ids")
        return value


class RandomConfig(_Recommender):
    """Uniform over the tracks not seen in this session."""

    type: Literal["random"]


class TopPopConfig(_Recommender):
    """Uniform over the 100 most popular tracks, unseen ones only."""

    type: Literal["top_pop"]


class StickyArtistConfig(_Recommender):
    """Uniform over the unseen tracks of the last track's artist."""

    type: Literal["sticky_artist"]


class ContextualConfig(_Recommender):
    """Uniform over the neighbours of the last track, seen or not."""

    type: Literal["contextual"]
    seen_filter: bool = False
    neighbours: NeighboursName


class SimilarConfig(_Recommender):
    """The neighbours of the last track, best first, the first unseen; then the popular tracks."""

    type: Literal["similar"]
    neighbours: NeighboursName


class IndexedConfig(_Recommender):
    """The user's list, best first, the first unseen; then the popular tracks."""

    type: Literal["indexed"]
    list: ListName


class ExploreConfig(Settings):
    """Requests answered by a draw, so that the log has more than the model's favourites."""

    share: float = Field(gt=0, le=1)
    """Part of the requests."""
    temperature: float = Field(default=1.0, gt=0, le=100)
    """Of the softmax over the logarithms of the tracks' expected values."""


class SessionConfig(_Recommender):
    """The model's best track for the session; if it has none, the user's list."""

    type: Literal["session"]
    model: ModelName
    list: ListName
    explore: ExploreConfig | None = None


RecommenderConfig = Annotated[
    RandomConfig
    | TopPopConfig
    | StickyArtistConfig
    | ContextualConfig
    | SimilarConfig
    | IndexedConfig
    | SessionConfig,
    Field(discriminator="type"),
]

_CONFIGS: tuple[type[_Recommender], ...] = get_args(get_args(RecommenderConfig)[0])
TYPES: tuple[str, ...] = tuple(
    get_args(config.model_fields["type"].annotation)[0] for config in _CONFIGS
)
"""Values of `type`."""
