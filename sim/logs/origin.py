"""Where a log comes from: one id for each start, and the world that was played."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from contract.worlds import VERSION_DIGITS, world_version
from sim.agents import registry
from sim.config import SimConfig
from sim.errors import InputError


class Origin(NamedTuple):
    """What every line of one log says of it."""

    run: str
    world_version: str


def origin_of(
    config: SimConfig, recommender: str, lists: Path | None, *, seed: int, episodes: int, days: int
) -> Origin:
    """The origin of a run in process.

    `run` is a hash of all that decides its events: the world's files, the
    defaults, the recommender and its lists, seed, episodes and days. So the
    same start twice gives the same log, byte for byte, whatever the number of
    processes; any other start has another id. Raises InputError.
    """
    tracks, users = config.track_catalog_config, config.user_catalog_config
    files = [tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path]
    if lists is not None:
        files += [lists / name for name in registry.files_of(recommender)]
    settings = {
        "files": [digest(path) for path in files],
        "users": users.model_dump(exclude={"user_catalog_path"}),
        "days_config": config.days_config.model_dump(),
        "recommender": recommender,
        "seed": seed,
        "episodes": episodes,
        "days": days,
    }
    run = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return Origin(run[:VERSION_DIGITS], world_version(tracks.track_meta_path))


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hex. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
