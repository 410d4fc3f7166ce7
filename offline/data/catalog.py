"""The catalog: its size, and the artist of each track."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.catalog import CatalogError, Track, artist_numbers, read_catalog
from offline.errors import InputError, check_regular


def catalog_size(path: str | Path) -> int:
    r"""Number of tracks in a catalog.

    Parameters
    ----------
    path : str or Path
        A `tracks.json`: one JSON object a line, tracks 0 to n-1.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For a file that cannot be read or is no catalog; names the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from offline import catalog_size
    >>> lines = ['{"track": 0, "artist": "A", "title": "x"}', '{"track": 1}']
    >>> _ = Path("tracks.json").write_text("\n".join(lines))
    >>> catalog_size("tracks.json")
    2
    """
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


def artists_of(catalog: Path, n_tracks: int) -> NDArray[np.int64]:
    """A number for the artist of each track, shape (n_tracks,): same artist, same number.

    A track whose artist is not known has a number of its own.

    Raises InputError for a catalog that is none, of another size, or without artists.
    """
    tracks = read_tracks(catalog)
    if len(tracks) != n_tracks:
        raise InputError(
            f"catalog {catalog} has {len(tracks)} tracks, but the model's catalog has {n_tracks}: "
            "name the catalog that it was trained with"
        )
    if not any(track.artist for track in tracks):
        raise InputError(
            f"catalog {catalog} names no artist; leave out --catalog to make lists without artists"
        )
    return np.array(artist_numbers(track.artist for track in tracks), np.int64)
