"""Where a service's answers come from: `run` and `world_version` in each line of its log."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from botify.config import Config, RatingsConfig, ServiceConfig
from contract.worlds import world_version

_DECIDING = {"seed", "session_ttl", "recommenders", "experiments", "default"}
"""Settings that change answers; ports, numbers of workers and directories do not."""
_STORES = {"store", "users", "items"}
"""Where a publication lies does not change answers."""
_NONE: Mapping[str, str] = {}
_LENGTH = 12


class Provenance(NamedTuple):
    """What each line of the event log says about the service that wrote it."""

    run: str
    """Id of the run: the same for all starts with the same config, list files and world."""
    world_version: str | None
    """By `contract.worlds`; None if there is no catalog of tracks."""


def provenance_of(config: ServiceConfig, versions: Mapping[str, str] = _NONE) -> Provenance:
    """Of a service that starts now; compute it once for all workers.

    `versions`: of publications of factors, by the recommender.

    A hash of contents, so that replicas and restarts of a service have the same run. Missing files
    count as empty.
    """
    world, models = None, dict[str, Path]()
    if isinstance(config, Config):
        models = config.model_files
        if config.catalog_path.is_file():
            world = world_version(config.catalog_path)
    settings = config.model_dump(mode="json", include=_DECIDING)
    if isinstance(config, RatingsConfig):
        for each in settings["recommenders"].values():
            for key in _STORES:
                each.pop(key)
    if len(config.experiments) > 1:  # their order decides which of them names the recommender
        settings["experiments"] = list(settings["experiments"].items())
    files = {**{name: of.file for name, of in config.list_files.items()}, **models}
    content = {**versions, **{name: _digest(path) for name, path in files.items()}}
    text = json.dumps([settings, content, world], sort_keys=True)
    run = hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
    return Provenance(run, world)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
