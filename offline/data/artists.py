"""Who made each track, as far as a list has to know it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.catalog import artist_numbers
from offline.data.catalog import read_tracks
from offline.errors import InputError


def artists_of(catalog: Path, n_tracks: int) -> NDArray[np.int64]:
    """A number for the artist of each track, shape (n_tracks,): same artist, same number.

    A track whose artist is not known has a number of its own.

    Raises InputError for a catalog that is none, of another size, or without artists.
    """
    tracks = read_tracks(catalog)
    if len(tracks) != n_tracks:
        raise InputError(
            f"catalog {catalog} has {len(tracks)} tracks, but the model is of one of {n_tracks}: "
            "name the catalog that it was trained with"
        )
    if not any(track.artist for track in tracks):
        raise InputError(
            f"catalog {catalog} names no artist; without --catalog, lists do without artists"
        )
    return np.array(artist_numbers(track.artist for track in tracks), np.int64)
