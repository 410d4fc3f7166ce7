"""config/pipeline.yml as one validated object."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
_Path = Annotated[Path, Field(strict=False)]


NOT_OF = {"ratings": ("log",), "music": ("sql",)}
"""Kinds of sources by face: the service's log of ratings has answers alone."""


class ConfigError(Exception):
    """A key or value of the config that is wrong; names it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Source(_Strict):
    """Where events come from."""

    kind: Literal["log", "csv", "parquet", "sql"] = "log"
    """log: the event log of a service; csv or parquet: files with the columns user, item, event
    and timestamp, and value where the face has it; sql: a table, by `botify-offline import`."""
    place: str = ""
    """A directory, file or glob; `s3://bucket/prefix` for csv and parquet; for sql, a URL."""
    endpoint: str = ""
    """URL of an S3 server; empty: that of AWS. Keys come from AWS_ACCESS_KEY_ID and the like."""
    table: str = ""
    """For sql: the table; empty: `ratings`."""


class Model(_Strict):
    """What is trained."""

    name: str = ""
    """Empty: covisit for a shop, als for music, svd for ratings."""
    options: dict[str, Any] = {}


class Split(_Strict):
    """What is held out to judge by."""

    days: int = Field(default=7, ge=1, le=365)
    targets: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The kinds of events that a good list has the items of. Empty: carts and purchases of a shop,
    plays of music, ratings."""
    least_value: float | None = None
    """Of a target; None: 0.8 of a track, no bound else."""


class Checks(_Strict):
    """When data stop the night. Shares are from 0 to 1."""

    min_events: Count = 1000
    min_day_share: float = Field(default=0.3, ge=0)
    """Of the newest day's events in the median of the seven days before it."""
    max_day_share: float = Field(default=3.0, ge=0)
    max_null_share: Share = 0.01
    max_bad_time_share: Share = 0.0
    """Of events after the night's end or before 2000."""
    max_unknown_item_share: Share = 0.05
    """Of the newest day's events whose item is not in the file of items."""
    max_repeat_share: Share = 0.1
    max_gap_hours: float = Field(default=30.0, gt=0)
    """Without any event, in the last eight days."""
    min_value: float | None = None
    """None: 0 for music, no bound else."""
    max_value: float | None = None
    """None: 1 for music, no bound else."""
    max_bad_value_share: Share = 0.0
    """Of events whose value is outside; music and ratings without one count too."""
    psi: float = Field(default=0.25, gt=0)
    ks: Share = 0.25
    """The largest D of Kolmogorov and Smirnov: an effect, no p-value, which depends on rows."""


class Gate(_Strict):
    """When a candidate replaces what serves."""

    k: int = Field(default=10, ge=1, le=1000)
    margin: Share = 0.01
    """How much worse the primary metric may be at the lower end of the paired interval."""
    neighbours_margin: Share = 0.05
    """The same for the neighbours, a guardrail: the share of next items among the k nearest."""
    confidence: float = Field(default=0.95, ge=0.5, le=0.999)
    resamples: int = Field(default=2000, ge=100, le=100_000)
    min_visitors: Count = 30
    """With targets; with fewer there is no verdict, and nothing is published."""
    keep: Share = 0.8
    """Least share of the serving model's coverage, lists and neighbours."""


class Canary(_Strict):
    """A share of the users tries the candidate before all get it."""

    experiment: str = ""
    """Of the service: C has the lists of `current`, T1 those of `canary`. Empty: no canary."""
    log: str = ""
    """The service's event log, a directory."""
    hours: float = Field(default=6.0, gt=0, le=24 * 14)
    """How long it is watched."""
    every: float = Field(default=300.0, gt=0)
    """Seconds between two looks."""
    min_users: int = Field(default=100, ge=2)
    """In each treatment, at the end; with fewer nothing is published."""
    max_fallback_rise: Share = 0.05
    """How much larger T1's share of answers of another recommender may be than C's."""
    max_error_share: Share = 0.01
    """Of the service's answers that are 5xx, since the canary began."""


class Service(_Strict):
    """The running service that has to take what is published."""

    url: str = ""
    """Empty: none is asked."""
    wait: float = Field(default=60.0, ge=0)
    """Seconds in which it must answer from a new version; then it is rolled back."""


class Config(_Strict):
    """A night's settings. Paths are relative to the working directory."""

    face: Literal["shop", "music", "ratings"] = "shop"
    out: _Path = Path("out/nightly")
    serving: _Path = Path("out/nightly/serving")
    """`current` there is what the service reads: its data_dir."""
    items: _Path = Path("out/shop/world/items.json")
    """The shop's items or the films that are rated, by `item`; tracks.json of music."""
    seed: int = Field(default=31337, ge=0, lt=2**32)
    """Of the model, where it has one and its options name none, and of the gate's bootstrap."""
    engine: Literal["local", "spark"] = "local"
    """What computes the lists, and gathers the plays of music before training."""
    track: bool = False
    """Whether a night's runs go to MLflow, where MLFLOW_TRACKING_URI says."""
    source: Source = Source()
    model: Model = Model()
    split: Split = Split()
    checks: Checks = Checks()
    gate: Gate = Gate()
    canary: Canary = Canary()
    service: Service = Service()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.source.kind in NOT_OF.get(self.face, ()):
            raise ValueError(f"source.kind: {self.source.kind} has no events of {self.face}")
        if self.canary.experiment:
            if self.face == "ratings":
                raise ValueError("canary.experiment: the log of ratings has nothing to judge by")
            if not self.canary.log:
                raise ValueError("canary.log is missing: the service's event log")
            if not self.service.url:
                raise ValueError("service.url is missing: a canary is watched there")
        low, high = self.checks.min_value, self.checks.max_value
        if low is not None and high is not None and low > high:
            raise ValueError("checks.min_value is above checks.max_value")
        return self


def load(path: Path) -> Config:
    """The config in a file. Raises ConfigError."""
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    return parse(content)


def parse(content: object) -> Config:
    """Raises ConfigError for an unknown key or a bad value.

    >>> parse({"gate": {"margin": 0.02}, "source": {"place": "log"}}).gate.margin
    0.02
    """
    if not isinstance(content, dict):
        raise ConfigError("the config: not a mapping of keys")
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_fault(error)) from None
    if not config.source.place:
        raise ConfigError("source.place is missing: where the events are")
    return config


def _fault(error: ValidationError) -> str:
    """The first one, by the name of its key."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        section: Any = Config
        for part in first["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"{name}: no such key; there are {', '.join(sorted(section.model_fields))}"
    told = first["msg"].removeprefix("Value error, ")
    return f"{name}: {first['input']!r}: {told}" if name else told
