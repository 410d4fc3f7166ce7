"""The version of a world, which every line of its log states."""

import hashlib
from pathlib import Path

WORLD_FACTS = "world.json"
"""Beside the catalog: how a generated world was made, its listeners included."""
VERSION_DIGITS = 12


def world_version(catalog: Path) -> str:
    """`world_version` in the event log: 12 hex digits of a SHA-256.

    The digest covers tracks.json and, if it exists, the world.json beside it: the same tracks with
    other listeners are another world. Raises OSError if the catalog cannot be read.
    """
    found = hashlib.sha256()
    facts = catalog.with_name(WORLD_FACTS)
    for path in (catalog, *([facts] if facts.is_file() else [])):
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                found.update(piece)
    return found.hexdigest()[:VERSION_DIGITS]
