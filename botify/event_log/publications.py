"""The record of what was put into service, and when: beside the event log, for its analysis."""

import json
import logging
import os
import time
from pathlib import Path

PUBLISHED = "published.jsonl"
"""Its name does not begin as those of the log's files do, so that no reader takes it for one."""

_log = logging.getLogger("botify.event_log.publications")


class Publications:
    """Appends a line for each version of a list or a model that is in service from then on."""

    def __init__(self, log_dir: Path) -> None:
        """The record is made with the first line."""
        self._path = log_dir / PUBLISHED
        self._latest: dict[str, str] = {}

    def observe(self, name: str, version: str) -> None:
        """Note that `version` is in service, whoever put it there, unless that is noted."""
        latest = self._latest.get(name)
        if version != latest:
            self.record(name, version, latest)

    def record(self, name: str, version: str, previous: str | None) -> None:
        """Note that `version` follows `previous` now; a disk that refuses is told and no error.

        An analysis that finds no record says that it lacks one.
        """
        self._latest[name] = version
        said = {
            "timestamp": time.time_ns() // 1_000_000,
            "name": name,
            "version": version,
            "previous": previous,
        }
        line = json.dumps(said).encode() + b"\n"
        try:
            handle = os.open(
                self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
            try:
                os.write(handle, line)  # in one piece: others may append at the same time
            finally:
                os.close(handle)
        except OSError as error:
            _log.warning(
                "%s: %s of %s was put into service, but that cannot be recorded (%s)",
                self._path,
                version,
                name,
                error.strerror,
            )
