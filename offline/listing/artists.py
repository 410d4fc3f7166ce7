"""Who made each track, as far as a list has to know it."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.catalog import catalog_size
from offline.errors import InputError


def artists_of(catalog: Path, n_tracks: int) -> NDArray[np.int64]:
    """A number for the artist of each track, shape (n_tracks,): same artist, same number.

    Raises InputError for a catalog that is none, of another size, or without artists.
    """
    found = catalog_size(catalog)
    if found != n_tracks:
        raise InputError(
            f"catalog {catalog} has {found} tracks, but the model is of one of {n_tracks}: name "
            "the catalog that it was trained with"
        )
    numbers: dict[str, int] = {}
    out = np.empty(n_tracks, dtype=np.int64)
    with catalog.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            track = json.loads(line)
            artist = track.get("artist")
            if not isinstance(artist, str):
                raise InputError(
                    f"{catalog}:{number}: `artist` must be a text, not {artist!r}; without "
                    "--catalog, lists do without artists"
                )
            out[track["track"]] = numbers.setdefault(artist, len(numbers))
    return out
