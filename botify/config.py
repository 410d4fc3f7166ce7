"""config/botify.yml as a typed model: what may be set, and what is refused."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from botify.errors import InputError

TOP_TRACKS = "top_tracks"
"""The name under which the popular tracks are loaded, next to the named lists."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RandomConfig(_Model):
    """Uniform over the tracks not seen in this session."""

    type: Literal["random"]


class TopPopConfig(_Model):
    """Uniform over the 100 most popular tracks, unseen ones only."""

    type: Literal["top_pop"]


class StickyArtistConfig(_Model):
    """Uniform over the unseen tracks of the last track's artist."""

    type: Literal["sticky_artist"]


class ContextualConfig(_Model):
    """Uniform over the neighbours of the last track, seen or not."""

    type: Literal["contextual"]
    neighbours: Name


class IndexedConfig(_Model):
    """The user's list, best first, the first unseen."""

    type: Literal["indexed"]
    list: Name


RecommenderConfig = Annotated[
    RandomConfig | TopPopConfig | StickyArtistConfig | ContextualConfig | IndexedConfig,
    Field(discriminator="type"),
]


class ExperimentConfig(_Model):
    """Treatments C, T1, T2, ... and the recommender each of them gets."""

    treatments: dict[str, Name] = Field(min_length=1)

    @field_validator("treatments")
    @classmethod
    def _in_order(cls, treatments: dict[str, str]) -> dict[str, str]:
        expected = ["C", *(f"T{i}" for i in range(1, len(treatments)))]
        if list(treatments) != expected:
            raise ValueError(
                f"treatments are {', '.join(treatments)}; they must be {', '.join(expected)}, "
                "in this order"
            )
        return treatments


class Config(_Model):
    """All settings of the service. `botify serve --help` names those with an option."""

    data_dir: Path = Path("out/demo")
    host: str = "127.0.0.1"
    port: int = Field(default=5001, ge=0, le=65535)
    workers: int = Field(default=2, ge=1)
    threads: int = Field(default=4, ge=1)
    log_dir: Path = Path("log")
    redis_url: str | None = None
    session_ttl: int = Field(default=21600, ge=1)
    seed: int | None = None
    catalog: Path = Path("world/tracks.json")
    top_tracks: Path = Path("lists/top_tracks.json")
    lists: dict[Name, Path] = Field(default_factory=dict)
    neighbours: dict[Name, Path] = Field(default_factory=dict)
    recommenders: dict[Name, RecommenderConfig] = Field(min_length=1)
    experiments: dict[Name, ExperimentConfig] = Field(min_length=1)

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: str | None) -> str | None:
        # The value stays out of the message: it may hold a password.
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError(
                "this, or the environment variable REDIS_URL, must begin with "
                "redis://, rediss:// or unix://"
            )
        return url

    @model_validator(mode="after")
    def _references(self) -> "Config":
        names = [*self.lists, *self.neighbours, TOP_TRACKS]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"lists, neighbours: the name {name!r} is taken twice")
        for name, recommender in self.recommenders.items():
            place = f"recommenders.{name}"
            if isinstance(recommender, IndexedConfig):
                _known(f"{place}.list", recommender.list, "lists", self.lists)
            if isinstance(recommender, ContextualConfig):
                _known(
                    f"{place}.neighbours", recommender.neighbours, "neighbours", self.neighbours
                )
        for name, experiment in self.experiments.items():
            for treatment, recommender_name in experiment.treatments.items():
                place = f"experiments.{name}.treatments.{treatment}"
                _known(place, recommender_name, "recommenders", self.recommenders)
        return self

    @property
    def catalog_path(self) -> Path:
        """tracks.json."""
        return self.data_dir / self.catalog

    @property
    def list_paths(self) -> dict[str, Path]:
        """File of every list, neighbours and the popular tracks included, by name."""
        files = {**self.lists, **self.neighbours, TOP_TRACKS: self.top_tracks}
        return {name: self.data_dir / path for name, path in files.items()}


def load_config(path: Path, **overrides: object) -> Config:
    """Read and check a config file; overrides that are not None replace its keys.

    The environment variable REDIS_URL, where set, replaces `redis_url`.
    Raises InputError (one line: file, key, what is allowed).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{path}: cannot be read ({reason}); name it with --config") from error
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys and values, such as `port: 5001`")
    values |= {key: value for key, value in overrides.items() if value is not None}
    if os.environ.get("REDIS_URL"):
        values["redis_url"] = os.environ["REDIS_URL"]
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(details) for details in error.errors())
        raise InputError(f"{path}: {problems}") from error


def _known(place: str, name: str, kind: str, known: Mapping[str, object]) -> None:
    if name not in known:
        available = ", ".join(known) or "none is configured"
        raise ValueError(f"{place}: {name!r} is not one of {kind} ({available})")


def _problem(details: ErrorDetails) -> str:
    # Pydantic names the branch of a tagged union in the path; the file has no such key.
    tags = {"random", "top_pop", "sticky_artist", "contextual", "indexed"}
    location = details["loc"]
    parts = [
        str(part)
        for depth, part in enumerate(location)
        if not (depth == 2 and location[0] == "recommenders" and part in tags)
    ]
    place = ".".join(parts)
    if details["type"] == "extra_forbidden":
        allowed = f" (allowed: {', '.join(Config.model_fields)})" if len(parts) == 1 else ""
        return f"unknown key {place!r}{allowed}"
    message: Any = details["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
