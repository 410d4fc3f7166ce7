"""`recommenders`: the kinds there are, and what each may be told."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from botify.config.settings import Name, Settings

MOST_EXCLUDED = 1000
"""Tracks that one recommender or one request may exclude; they travel with each request."""


class _Recommender(Settings):
    seen_filter: bool = True
    """Whether its own tracks are filtered by what this session heard and was offered; what it
    falls back to always is."""
    exclude: tuple[int, ...] = Field(default=(), max_length=MOST_EXCLUDED)
    """Tracks it never offers, nor does what it falls back to."""

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
    neighbours: Name


class SimilarConfig(_Recommender):
    """The neighbours of the last track, best first, the first unseen; then the popular tracks."""

    type: Literal["similar"]
    neighbours: Name


class IndexedConfig(_Recommender):
    """The user's list, best first, the first unseen; then the popular tracks."""

    type: Literal["indexed"]
    list: Name


class ExploreConfig(Settings):
    """Which requests are answered by a draw, so that the log is not only what a model believed."""

    share: float = Field(gt=0, le=1)
    """Of the requests."""
    temperature: float = Field(default=1.0, gt=0, le=100)
    """Of the softmax over the logarithms of how likely tracks are to be heard."""


class SessionConfig(_Recommender):
    """What the model finds best for the session; where it knows nothing, the user's list."""

    type: Literal["session"]
    model: Name
    list: Name
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

TYPES = ("random", "top_pop", "sticky_artist", "contextual", "similar", "indexed", "session")
