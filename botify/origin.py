"""Where a service's answers come from: what its log is told apart by."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from botify.config import Config

_DECIDING = {"seed", "session_ttl", "recommenders", "experiments", "default"}
"""Settings that change answers; ports, numbers of workers and directories do not."""
_WORLD_FACTS = "world.json"
"""Beside the catalog: how a simulated world was made, its listeners included."""
_LENGTH = 12


class Origin(NamedTuple):
    """What each line of the event log says of the service that wrote it."""

    run: str
    """The same for all starts with one config, one set of list files and one world."""
    world_version: str | None
    """Of the catalog's file, and of the world.json beside it, where there is one."""


def origin_of(config: Config) -> Origin:
    """The origin of what a service answers that starts now; take it once for all workers.

    A hash of contents, so that replicas of one service, and a restart, go on with the same run.
    Files that are not there count as empty.
    """
    world = _digest(config.catalog_path, config.catalog_path.with_name(_WORLD_FACTS))
    settings = config.model_dump(mode="json", include=_DECIDING)
    files = {**{name: of.file for name, of in config.list_files.items()}, **config.model_files}
    content = {name: _digest(path) for name, path in files.items()}
    text = json.dumps([settings, content, world], sort_keys=True)
    run = hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
    return Origin(run, world if config.catalog_path.is_file() else None)


def _digest(*paths: Path) -> str:
    together = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                together.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            together.update(b"none")
    return together.hexdigest()[:_LENGTH]
