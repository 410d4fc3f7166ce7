"""The record of what was put into service, and when: beside the event log, for its analysis."""

import json
import logging
import os
import time
from pathlib import Path

from contract.files import PUBLISHED

_log = logging.getLogger("botify.event_log.publications")


class Publications:
    """Appends a line for each version of a list or a model that is put into service.

    A version that the record already has as the newest of its name is not recorded again: not by
    the next start, and not by another service that writes to the same directory.
    """

    def __init__(self, log_dir: Path) -> None:
        """The file is made with the first line."""
        self._path = log_dir / PUBLISHED
        self._latest: dict[str, str] = {}

    def observe(self, name: str, version: str, replaced: str | None = None) -> None:
        """Record that `version` is in service now, if it is new.

        `replaced`: the version before, if the record does not have it. If the disk refuses,
        this is logged; an analysis that finds no record says so.
        """
        if self._latest.get(name) == version:
            return
        recorded = self._read_latest(name)
        self._latest[name] = version
        if recorded != version:
            self._append(name, version, recorded or replaced)

    def _read_latest(self, name: str) -> str | None:
        """The newest version of the list or model in the record; None if there is none."""
        latest = None
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return None
        for line in lines:
            try:
                entry = json.loads(line)
                if entry["name"] == name:
                    latest = str(entry["version"])
            except (ValueError, TypeError, KeyError):
                continue  # a line that was cut off
        return latest

    def _append(self, name: str, version: str, previous: str | None) -> None:
        entry = {
            "timestamp": time.time_ns() // 1_000_000,
            "name": name,
            "version": version,
            "previous": previous,
        }
        line = json.dumps(entry).encode() + b"\n"
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
                "%s: version %s of %s was put into service, but cannot be recorded (%s)",
                self._path,
                version,
                name,
                error.strerror,
            )
