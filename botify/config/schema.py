"""All settings of the service, and what must fit together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from botify.config.experiment import ExperimentConfig, decide_for_all, shares_of_layers
from botify.config.recommender_types import (
    ContextualConfig,
    IndexedConfig,
    RecommenderConfig,
    SessionConfig,
    SimilarConfig,
)
from botify.config.settings import Name, Settings

_ORIGIN = r"^(\*|https?://[^/\s]+)$"
_HOST = r"^[^/\s:]+$|^[0-9a-fA-F:]*:[0-9a-fA-F:]*$"
_APART = 10_000
"""Between the service's port and that for health and metrics."""

TOP_TRACKS = "top_tracks"
"""The name under which the popular tracks are loaded, next to the named lists."""


class ListFile(Settings):
    """A file of lists; a path alone stands for one with no length asked."""

    file: Path
    length: int | None = Field(default=None, ge=1, le=1000)
    """Tracks that each list of users must have, where given; neighbours may have fewer."""


class LogConfig(Settings):
    """The event log's files."""

    rotate_bytes: int = Field(default=256 * 2**20, ge=1024)
    """A file that has grown to this size is left and the next one begun."""
    rotate_seconds: int = Field(default=86400, ge=1)
    """So is a file of this age that is not empty."""
    min_free_bytes: int = Field(default=2**30, ge=0)
    """Free space on the log's disk below which /health raises the alarm."""
    delete_shipped: bool = False
    """Whether left files that are marked as shipped are deleted; nothing else ever is."""


def _list_file(value: object) -> object:
    return {"file": value} if isinstance(value, str | Path) else value


_ListFile = Annotated[ListFile, BeforeValidator(_list_file)]


class Config(Settings):
    """All settings of the service. `botify serve --help` names those with an option."""

    data_dir: Path = Path("out/demo")
    host: str = "127.0.0.1"
    port: int = Field(default=5001, ge=0, le=65535)
    workers: int = Field(default=2, ge=1, le=256)
    threads: int = Field(default=2, ge=1, le=64)
    body_timeout: float = Field(default=5.0, gt=0, le=3600)
    """Seconds in which a request's body must have come."""
    allowed_origins: list[Annotated[str, Field(pattern=_ORIGIN)]] = Field(default_factory=list)
    """Whose pages may ask, besides the service's own: `https://player.example`; `*` for all."""
    allowed_hosts: list[Annotated[str, Field(pattern=_HOST)]] | None = None
    """Names, without port, under which the service may be asked; any where there is no list."""
    operations: bool = True
    """Whether the parent process answers health and metrics on a port of its own."""
    operations_host: str = "127.0.0.1"
    operations_port: int | None = Field(default=None, ge=0, le=65535)
    """None: see `operations_port_of`."""
    worker_deaths: int = Field(default=10, ge=1, le=1000)
    """A worker that dies this often ..."""
    worker_deaths_seconds: float = Field(default=120.0, gt=0, le=86400)
    """... within so many seconds is given up."""
    log_dir: Path = Path("log")
    log: LogConfig = LogConfig()
    redis_url: str | None = None
    redis_timeout: float = Field(default=1.0, gt=0, le=60)
    redis_maxmemory: int | None = Field(default=None, ge=4 * 2**20)
    max_fallback_share: float = Field(default=0.01, ge=0, le=1)
    session_ttl: int = Field(default=21600, ge=1, le=31_536_000)
    seed: int | None = None
    catalog: Path = Path("world/tracks.json")
    top_tracks: Path = Path("lists/top_tracks.json")
    lists: dict[Name, _ListFile] = Field(default_factory=dict)
    neighbours: dict[Name, _ListFile] = Field(default_factory=dict)
    models: dict[Name, Path] = Field(default_factory=dict)
    watch_lists: bool = False
    watch_settle: float = Field(default=5.0, ge=0.5, le=3600)
    """Seconds for which a file must stay as it is before what is new in it is loaded."""
    least_kept: float = Field(default=0.5, ge=0, le=1)
    """Share of the owners of lists in service that a new version must have lists for."""
    recommenders: dict[Name, RecommenderConfig] = Field(min_length=1)
    experiments: dict[Name, ExperimentConfig] = Field(default_factory=dict)
    default: Name | None = None
    allow_forced: bool = False

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
        names = [*self.lists, *self.neighbours, *self.models, TOP_TRACKS]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"lists, neighbours, models: the name {name!r} is taken twice")
        for name, recommender in self.recommenders.items():
            place = f"recommenders.{name}"
            if isinstance(recommender, SessionConfig):
                _known(f"{place}.model", recommender.model, "models", self.models)
            if isinstance(recommender, IndexedConfig | SessionConfig):
                _known(f"{place}.list", recommender.list, "lists", self.lists)
            if isinstance(recommender, ContextualConfig | SimilarConfig):
                _known(
                    f"{place}.neighbours", recommender.neighbours, "neighbours", self.neighbours
                )
        for name, experiment in self.experiments.items():
            for treatment, recommender_name in experiment.treatments.items():
                if recommender_name is not None:
                    place = f"experiments.{name}.treatments.{treatment}"
                    _known(place, recommender_name, "recommenders", self.recommenders)
        return self

    @model_validator(mode="after")
    def _layers(self) -> "Config":
        for layer, share in shares_of_layers(self.experiments.values()).items():
            if share > 100:
                members = [n for n, e in self.experiments.items() if e.layer == layer]
                raise ValueError(
                    f"experiments.{members[-1]}.share: the shares of layer {layer!r} "
                    f"({', '.join(members)}) add up to {share} percent; make them 100 at most"
                )
        return self

    @model_validator(mode="after")
    def _somebody_answers(self) -> "Config":
        if self.default is not None:
            _known("default", self.default, "recommenders", self.recommenders)
        elif not decide_for_all(self.experiments.values()):
            raise ValueError(
                "default: name the recommender of the users for whom no experiment decides"
            )
        return self

    @property
    def catalog_path(self) -> Path:
        """tracks.json."""
        return self.data_dir / self.catalog

    def operations_port_of(self, port: int) -> int:
        """The port for health and metrics of a service on this port.

        The one configured; else, for a port that was chosen, the port 10,000 above it, or below
        it where there is none above; else 0, a free one.
        """
        if self.operations_port is not None:
            return self.operations_port
        if self.port == 0:
            return 0
        return port + _APART if port + _APART <= 65535 else port - _APART

    @property
    def list_files(self) -> dict[str, ListFile]:
        """File of every list, neighbours and the popular tracks included, by name."""
        files = {**self.lists, **self.neighbours, TOP_TRACKS: ListFile(file=self.top_tracks)}
        return {
            name: ListFile(file=self.data_dir / of.file, length=of.length)
            for name, of in files.items()
        }

    @property
    def model_files(self) -> dict[str, Path]:
        """File of every model, by name."""
        return {name: self.data_dir / path for name, path in self.models.items()}


def _known(place: str, name: str, kind: str, known: Mapping[str, object]) -> None:
    if name not in known:
        available = ", ".join(known) or "none is configured"
        raise ValueError(f"{place}: {name!r} is not one of {kind} ({available})")
