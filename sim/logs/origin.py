"""Where a log comes from: an id of the run, and the version of its world."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from contract.worlds import VERSION_DIGITS, world_version
from sim.agents import registry
from sim.agents.service_chains import ServiceChains
from sim.config import SimConfig
from sim.errors import InputError


class Origin(NamedTuple):
    """The fields that are the same on every line of a log."""

    run: str
    world_version: str


def origin_of(
    config: SimConfig,
    recommender: str,
    lists: Path | None,
    chains: ServiceChains | None = None,
    *,
    seed: int,
    episodes: int,
    days: int,
) -> Origin:
    """The origin of a run in process.

    `run` is a hash of everything that decides its events: the world's files,
    the defaults, the recommender, its steps and its lists, seed, episodes and
    days. So the
    same command gives the same log again, byte for byte, with any number of
    processes, and any other run has another id. Raises InputError if a file
    cannot be read.
    """
    tracks, users = config.track_catalog_config, config.user_catalog_config
    files = [tracks.track_meta_path, tracks.track_embeddings_path, users.user_catalog_path]
    files += registry.files_of(recommender, lists, chains)
    package = None if recommender.startswith(registry.CHAIN) else registry.package_of(recommender)
    settings = {
        "files": [digest(path) for path in files],
        "users": users.model_dump(exclude={"user_catalog_path"}),
        "days_config": config.days_config.model_dump(),
        "recommender": recommender,
        "chain": registry.steps_of(recommender, chains),
        "seed": seed,
        "episodes": episodes,
        "days": days,
    }
    if package is not None:  # its code decides, too
        settings["package"] = package
    run = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return Origin(run[:VERSION_DIGITS], world_version(tracks.track_meta_path))


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hex. Raises InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
