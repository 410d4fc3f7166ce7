"""Where a service's answers come from: what its log is told apart by."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from botify.config import Config
from contract.worlds import world_version

_DECIDING = {"seed", "session_ttl", "recommenders", "experiments", "default"}
"""Settings that change answers; ports, numbers of workers and directories do not."""
_LENGTH = 12


class Origin(NamedTuple):
    """What each line of the event log says of the service that wrote it."""

    run: str
    """The same for all starts with one config, one set of list files and one world."""
    world_version: str | None
    """As contract.worlds has it; None where there is no catalog."""


def origin_of(config: Config) -> Origin:
    """The origin of what a service answers that starts now; take it once for all workers.

    A hash of contents, so that replicas of one service, and a restart, go on with the same run.
    Files that are not there count as empty.
    """
    world = world_version(config.catalog_path) if config.catalog_path.is_file() else None
    settings = config.model_dump(mode="json", include=_DECIDING)
    files = {**{name: of.file for name, of in config.list_files.items()}, **config.model_files}
    content = {name: _digest(path) for name, path in files.items()}
    text = json.dumps([settings, content, world], sort_keys=True)
    run = hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
    return Origin(run, world)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
