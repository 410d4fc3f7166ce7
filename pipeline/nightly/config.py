"""config/pipeline.yml as one validated object."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml


class ConfigError(Exception):
    """A key or value of the config that is wrong; names it."""


@dataclass(frozen=True)
class Source:
    """Where events come from."""

    kind: str = "log"
    """log: the event log of a service; csv or parquet: files with the columns user, item, event
    and timestamp; sql: a table, by `botify-offline import`."""
    place: str = ""
    """A directory, file or glob; `s3://bucket/prefix` for csv and parquet; for sql, a URL."""
    endpoint: str = ""
    """URL of an S3 server; empty: that of AWS. Keys come from AWS_ACCESS_KEY_ID and the like."""
    table: str = ""
    """For sql: the table; empty: `ratings`."""


@dataclass(frozen=True)
class Model:
    """What is trained."""

    name: str = "covisit"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """What is held out to judge by."""

    days: int = 7
    targets: tuple[str, ...] = ("addtocart", "transaction")
    """The kinds of events that a good list has the items of."""


@dataclass(frozen=True)
class Checks:
    """When data stop the night. Shares are from 0 to 1."""

    min_events: int = 1000
    min_day_share: float = 0.3
    """Of the newest day's events in the median of the seven days before it."""
    max_day_share: float = 3.0
    max_null_share: float = 0.01
    max_bad_time_share: float = 0.0
    """Of events after the night's end or before 2000."""
    max_unknown_item_share: float = 0.05
    """Of the newest day's events whose item is not in the file of items."""
    max_repeat_share: float = 0.1
    max_gap_hours: float = 30.0
    """Without any event, in the last eight days."""
    psi: float = 0.25
    ks: float = 0.25
    """The largest D of Kolmogorov and Smirnov: an effect, no p-value, which depends on rows."""


@dataclass(frozen=True)
class Gate:
    """When a candidate replaces what serves."""

    k: int = 10
    margin: float = 0.01
    """How much worse NDCG@k may be at the lower end of the paired interval."""
    neighbours_margin: float = 0.05
    """The same for the neighbours, a guardrail: the share of next items among the k nearest."""
    confidence: float = 0.95
    resamples: int = 2000
    min_visitors: int = 30
    """With targets; with fewer there is no verdict, and nothing is published."""
    keep: float = 0.8
    """Least share of the serving model's coverage, lists and neighbours."""


@dataclass(frozen=True)
class Service:
    """The running service that has to take what is published."""

    url: str = ""
    """Empty: none is asked."""
    wait: float = 60.0
    """Seconds in which it must answer from a new version; then it is rolled back."""


@dataclass(frozen=True)
class Config:
    """A night's settings. Paths are relative to the working directory."""

    face: str = "shop"
    out: Path = Path("out/nightly")
    serving: Path = Path("out/nightly/serving")
    """`current` there is what the service reads: its data_dir."""
    items: Path = Path("out/shop/world/items.json")
    seed: int = 31337
    track: bool = False
    """Whether a night's runs go to MLflow, where MLFLOW_TRACKING_URI says."""
    source: Source = Source()
    model: Model = Model()
    split: Split = Split()
    checks: Checks = Checks()
    gate: Gate = Gate()
    service: Service = Service()


_KINDS = ("log", "csv", "parquet", "sql")
_Part = TypeVar("_Part")


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
    config = _part(Config, content, "")
    if config.face != "shop":
        raise ConfigError(f"face: {config.face!r} has no nightly steps; there is `shop`")
    if config.source.kind not in _KINDS:
        raise ConfigError(f"source.kind: {config.source.kind!r} is none of {', '.join(_KINDS)}")
    if not config.source.place:
        raise ConfigError("source.place is missing: where the events are")
    for name, value, low, high in (
        ("gate.confidence", config.gate.confidence, 0.5, 0.999),
        ("gate.keep", config.gate.keep, 0, 1),
        ("gate.margin", config.gate.margin, 0, 1),
        ("gate.neighbours_margin", config.gate.neighbours_margin, 0, 1),
        ("gate.k", config.gate.k, 1, 1000),
        ("gate.resamples", config.gate.resamples, 100, 100_000),
        ("split.days", config.split.days, 1, 365),
        ("seed", config.seed, 0, 2**32 - 1),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value} is not from {low} to {high}")
    return config


def _part(kind: type[_Part], content: object, prefix: str) -> _Part:
    if not isinstance(content, dict):
        raise ConfigError(f"{prefix.rstrip('.') or 'the config'}: not a mapping of keys")
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    if unknown := [str(key) for key in content if key not in known]:
        raise ConfigError(
            f"{prefix}{unknown[0]}: no such key; there are {', '.join(sorted(known))}"
        )
    types = get_type_hints(kind)
    return kind(**{key: _value(types[key], value, prefix + key) for key, value in content.items()})


def _value(kind: Any, value: object, name: str) -> object:
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        return _part(kind, value, name + ".")
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    if kind == tuple[str, ...]:
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise ConfigError(f"{name}: {value!r} is no list of names")
    if kind == dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise ConfigError(f"{name}: {value!r} is no mapping")
    if kind is float and type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]
    if kind in (bool, int, str) and type(value) is kind:
        return value
    raise ConfigError(f"{name}: {value!r} is no {getattr(kind, '__name__', kind)}")
