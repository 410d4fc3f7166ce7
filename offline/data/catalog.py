"""The catalog, as far as learning from logs needs it."""

from pathlib import Path

from contract.catalog import CatalogError, Track, read_catalog
from offline.errors import InputError, check_regular


def catalog_size(path: str | Path) -> int:
    """Number of tracks in a `tracks.json`; raises what `read_tracks` does."""
    return len(read_tracks(path))


def read_tracks(path: str | Path) -> list[Track]:
    """Tracks 0 to n-1 of a `tracks.json`, as `contract.catalog` says.

    Raises InputError, which names the file, and the line where one is at fault.
    """
    check_regular(Path(path))
    try:
        with Path(path).open("rb") as lines:
            return read_catalog(lines)
    except OSError as error:
        raise InputError(f"catalog {path} cannot be read: {error}") from error
    except CatalogError as error:
        raise InputError(error.at(path)) from error
