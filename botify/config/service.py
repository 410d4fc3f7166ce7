"""What every face's settings have in common, and the checks of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from botify.config.experiment import ExperimentConfig, decide_for_all, shares_of_layers
from botify.config.settings import Name, Settings

_ORIGIN = r"^(\*|https?://[^/\s]+)$"
_HOST = r"^[^/\s:]+$|^[0-9a-fA-F:]*:[0-9a-fA-F:]*$"
_OPERATIONS_PORT_OFFSET = 10_000
"""From the service's port to the one for health and metrics."""

FACES = ("music", "shop", "ratings")
Face = Literal["music", "shop", "ratings"]
"""What a process answers: `POST /next/<user>`, `/recommendations`, or `/reco`."""


class ListFile(Settings):
    """A file of lists; in YAML, a path alone stands for one without `length`."""

    file: Path
    length: int | None = Field(default=None, ge=1, le=1000)
    """Number of tracks that each user's list must have; neighbours may have fewer."""


class LogConfig(Settings):
    """The event log's files."""

    rotate_bytes: int = Field(default=256 * 2**20, ge=1024)
    """The next file is begun when a file has this size."""
    rotate_seconds: int = Field(default=86400, ge=1)
    """The next file is begun when a file that is not empty has this age."""
    min_free_bytes: int = Field(default=2**30, ge=0)
    """With less free space on the log's disk, /health is bad."""
    delete_shipped: bool = False
    """Whether finished files that are marked as shipped are deleted; no others ever are."""


def _list_file(value: object) -> object:
    return {"file": value} if isinstance(value, str | Path) else value


ListFileField = Annotated[ListFile, BeforeValidator(_list_file)]


class ServiceConfig(Settings):
    """Settings of a service of any face; `botify serve --help` lists those with an option."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    workers: int = Field(default=2, ge=1, le=256)
    threads: int = Field(default=2, ge=1, le=64)
    body_timeout: float = Field(default=5.0, gt=0, le=3600)
    """Seconds within which a request's body must arrive."""
    allowed_origins: list[Annotated[str, Field(pattern=_ORIGIN)]] = Field(default_factory=list)
    """Origins of web pages that may send requests: `https://player.example`; `*` for all."""
    allowed_hosts: list[Annotated[str, Field(pattern=_HOST)]] | None = None
    """Host names, without port, that requests may use for the service; None: any."""
    operations: bool = True
    """Whether the parent process serves health and metrics on a port of its own."""
    operations_host: str = "127.0.0.1"
    operations_port: int | None = Field(default=None, ge=0, le=65535)
    """None: see `operations_port_of`."""
    worker_deaths: int = Field(default=10, ge=1, le=1000)
    """A worker that dies this many times ..."""
    worker_deaths_seconds: float = Field(default=120.0, gt=0, le=86400)
    """... within this many seconds is given up."""
    log_dir: Path
    log: LogConfig = LogConfig()
    redis_url: str | None = None
    redis_timeout: float = Field(default=1.0, gt=0, le=60)
    redis_maxmemory: int | None = Field(default=None, ge=4 * 2**20)
    max_fallback_share: float = Field(default=0.01, ge=0, le=1)
    lists: dict[Name, ListFileField] = Field(default_factory=dict)
    neighbours: dict[Name, ListFileField] = Field(default_factory=dict)
    watch_lists: bool = False
    watch_config: bool = False
    watch_settle: float = Field(default=5.0, ge=0.5, le=3600)
    """Seconds for which a changed file must not change again before it is loaded."""
    least_kept: float = Field(default=0.5, ge=0, le=1)
    """Share of the owners of lists in service that must have lists in a new version."""
    recommenders: Mapping[Name, Any] = Field(min_length=1)
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
    def _references(self) -> "ServiceConfig":
        names = self.list_names
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"lists, neighbours, models, rankers: the name {name!r} is used twice"
                )
        for name, recommender in self.recommenders.items():
            for setting, section, needed in recommender.references():
                place = f"recommenders.{name}.{setting}"
                check_known(place, needed, section, getattr(self, section))
        for name, experiment in self.experiments.items():
            for treatment, recommender_name in experiment.treatments.items():
                if recommender_name is not None:
                    place = f"experiments.{name}.treatments.{treatment}"
                    check_known(place, recommender_name, "recommenders", self.recommenders)
        return self

    @model_validator(mode="after")
    def _layers(self) -> "ServiceConfig":
        for layer, share in shares_of_layers(self.experiments.values()).items():
            if share > 100:
                members = [n for n, e in self.experiments.items() if e.layer == layer]
                raise ValueError(
                    f"experiments.{members[-1]}.share: the shares of layer {layer!r} "
                    f"({', '.join(members)}) add up to {share} percent; make them 100 at most"
                )
        return self

    @model_validator(mode="after")
    def _default_where_needed(self) -> "ServiceConfig":
        if self.default is not None:
            check_known("default", self.default, "recommenders", self.recommenders)
        elif not decide_for_all(self.experiments.values()):
            raise ValueError(
                "default: name the recommender for users that no experiment decides for"
            )
        return self

    @property
    def list_names(self) -> list[str]:
        """Names of all that is loaded, with those that the config cannot change."""
        raise NotImplementedError

    @property
    def list_files(self) -> dict[str, ListFile]:
        """Files of all lists, by name, in the order in which they are loaded."""
        raise NotImplementedError

    def operations_port_of(self, port: int) -> int:
        """The port for health and metrics of a service on this port.

        The configured one; else, if `port` was configured, that port + 10,000, or - 10,000 if that
        is too large; else 0, a free one.
        """
        if self.operations_port is not None:
            return self.operations_port
        if self.port == 0:
            return 0
        return (
            port + _OPERATIONS_PORT_OFFSET
            if port + _OPERATIONS_PORT_OFFSET <= 65535
            else port - _OPERATIONS_PORT_OFFSET
        )


def check_known(place: str, name: str, kind: str, known: Mapping[str, object]) -> None:
    """Raises ValueError, naming the place in the config, if there is no such name."""
    if name not in known:
        available = ", ".join(known) or "none is configured"
        raise ValueError(f"{place}: {name!r} is not one of {kind} ({available})")
