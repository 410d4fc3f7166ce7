"""Names the catalog that a log speaks of."""

import hashlib
from pathlib import Path

from sim.errors import InputError

DIGITS = 12


def world_version(tracks: Path) -> str:
    """`world_version` in the event log: the first 12 hex digits of the SHA-256 of tracks.json.

    Of the file's bytes as they are, so that whoever has the file can compute
    it: a service that serves this catalog writes the same. Raises InputError.
    """
    return digest(tracks)[:DIGITS]


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hex. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
