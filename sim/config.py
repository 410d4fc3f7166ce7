"""config/env.yml: where the world lies, the listeners' defaults, and where the service is."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from sim.errors import InputError
from sim.jsonl import explain


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TrackCatalogConfig(_Section):
    track_meta_path: Path
    track_embeddings_path: Path


class UserCatalogConfig(_Section):
    """The defaults apply to users whose line has no value of their own."""

    user_catalog_path: Path
    default_interest_neighbours: PositiveInt = 10
    default_consume_bias: float = 5.0
    default_consume_sharpness: float = Field(default=1.0, gt=0)
    default_session_budget: PositiveInt = 5
    default_artist_discount_gamma: float = Field(default=0.8, ge=0.0, le=1.0)


class RemoteRecommenderConfig(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=5001, ge=1, le=65535)
    # Sessions in flight at once, and how long one answer may take.
    connections: PositiveInt = 16
    timeout_seconds: float = Field(default=10.0, gt=0)
    # How long to ask a service that refuses, before it counts as gone.
    retry_seconds: float = Field(default=10.0, gt=0)


class DaysConfig(_Section):
    """What days do to the world, with --days; by default nothing.

    So many tracks, other ones each day, have `hype` added to everybody's
    affinity with them. A listener whose session had a reward below
    `leave_below` leaves for good with `leave_probability`.
    """

    hyped_tracks: NonNegativeInt = 0
    hype: float = Field(default=2.0, gt=0)
    leave_below: float = Field(default=0.5, gt=0)
    leave_probability: float = Field(default=0.0, ge=0.0, le=1.0)


class SimConfig(_Section):
    track_catalog_config: TrackCatalogConfig
    user_catalog_config: UserCatalogConfig
    remote_recommender_config: RemoteRecommenderConfig = RemoteRecommenderConfig()
    days_config: DaysConfig = DaysConfig()


def load_config(path: Path) -> SimConfig:
    """The validated config; raises InputError that names the file and the key."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    try:
        return SimConfig.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error
