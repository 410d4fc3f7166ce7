"""config/env.yml: the world's files, the listeners' defaults, and the service's address."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from sim.config.editions import FAMILIES, without_generator_keys
from sim.config.paths import locate
from sim.errors import InputError
from sim.jsonl import explain


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrackCatalogConfig(_Section):
    """The second name of each key is that of the 2026 edition."""

    track_meta_path: Path = Field(validation_alias=AliasChoices("track_meta_path", "tracks_path"))
    track_embeddings_path: Path = Field(
        validation_alias=AliasChoices("track_embeddings_path", "tracks_embeddings_path")
    )


class UserCatalogConfig(_Section):
    """The defaults apply to users whose line has no value of their own."""

    user_catalog_path: Path
    default_interest_neighbours: PositiveInt = 10
    default_consume_bias: float = 5.0
    default_consume_sharpness: float = Field(default=1.0, gt=0)
    default_session_budget: PositiveInt = 5
    default_artist_discount_gamma: float = Field(default=0.8, ge=0.0, le=1.0)


class RemoteRecommenderConfig(_Section):
    """Where the service runs, and how it is asked."""

    host: str = "127.0.0.1"
    port: int = Field(default=5001, ge=1, le=65535)
    # Sessions in flight at once, and how long one answer may take.
    connections: PositiveInt = 16
    timeout_seconds: float = Field(default=10.0, gt=0)
    # For how long to retry a service that refuses, before it counts as gone.
    retry_seconds: float = Field(default=10.0, gt=0)


class DaysConfig(_Section):
    """How the world changes from day to day, with --days; by default not at all.

    Everybody's affinity with `hyped_tracks` tracks, others each day, rises by
    `hype`. A listener whose session had a reward below `leave_below` leaves for
    good with `leave_probability`.
    """

    hyped_tracks: NonNegativeInt = 0
    hype: float = Field(default=2.0, gt=0)
    leave_below: float = Field(default=0.5, gt=0)
    leave_probability: float = Field(default=0.0, ge=0.0, le=1.0)


class SimConfig(_Section):
    """The whole of an env.yml."""

    track_catalog_config: TrackCatalogConfig
    user_catalog_config: UserCatalogConfig
    remote_recommender_config: RemoteRecommenderConfig = RemoteRecommenderConfig()
    days_config: DaysConfig = DaysConfig()


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def load_config(
    path: Path, family: str | None = None, notify: Callable[[str], object] = _to_stderr
) -> SimConfig:
    """Read and check an env.yml.

    Parameters
    ----------
    path : Path
        The file. Its relative paths are looked for from the working directory
        and beside it: see `sim.config.paths.locate`.
    family : str, optional
        Edition whose defaults apply to keys that the file leaves out: "2022",
        "2024", "2025" or "2026".
    notify : callable, optional
        Receives a line for each thing that may surprise, such as keys that were
        ignored; by default they go to stderr.

    Returns
    -------
    SimConfig

    Raises
    ------
    InputError
        If the file cannot be read or is wrong; names the file and the key.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sim import load_config
    >>> load_config(Path("config/env.yml")).remote_recommender_config.port
    5001
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if isinstance(content, dict):
        content, ignored = without_generator_keys(content)
        if ignored:
            notify(f"{path}: ignored, about how the files were made: {', '.join(ignored)}")
        if family is not None:
            _take_defaults(path, content, family, notify)
    try:
        return _located(path, SimConfig.model_validate(content), notify)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error


def _take_defaults(
    path: Path, content: dict[str, Any], family: str, notify: Callable[[str], object]
) -> None:
    """Add the family's defaults to the users' section where it leaves them out."""
    users = content.get("user_catalog_config")
    if not isinstance(users, dict):
        return
    for key, value in FAMILIES[family].items():
        if users.setdefault(key, value) != value:
            notify(f"--family {family}: {key} stays {users[key]}, as {path} says, and not {value}")


def _located(path: Path, config: SimConfig, notify: Callable[[str], object]) -> SimConfig:
    tracks, users = config.track_catalog_config, config.user_catalog_config
    (meta, embeddings, catalog), note = locate(
        path, (tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path)
    )
    if note:
        notify(note)
    return config.model_copy(
        update={
            "track_catalog_config": tracks.model_copy(
                update={"track_meta_path": meta, "track_embeddings_path": embeddings}
            ),
            "user_catalog_config": users.model_copy(update={"user_catalog_path": catalog}),
        }
    )
