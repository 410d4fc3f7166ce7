"""Who made each track, as far as a list has to know it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offline.catalog import read_tracks
from offline.errors import InputError


def artists_of(catalog: Path, n_tracks: int) -> NDArray[np.int64]:
    """A number for the artist of each track, shape (n_tracks,): same artist, same number.

    Raises InputError for a catalog that is none, of another size, or without artists.
    """
    tracks = read_tracks(catalog)
    if len(tracks) != n_tracks:
        raise InputError(
            f"catalog {catalog} has {len(tracks)} tracks, but the model is of one of {n_tracks}: "
            "name the catalog that it was trained with"
        )
    numbers: dict[str, int] = {}
    out = np.empty(n_tracks, dtype=np.int64)
    for number, track in tracks.items():
        artist = track.get("artist")
        if not isinstance(artist, str):
            raise InputError(
                f"{catalog}:{number}: `artist` must be a text, not {artist!r}; without "
                "--catalog, lists do without artists"
            )
        out[track["track"]] = numbers.setdefault(artist, len(numbers))
    return out
