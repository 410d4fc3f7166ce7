"""The catalog: tracks and their artists."""

import struct
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from botify.errors import InputError
from botify.files.jsonlines import bounded_lines
from botify.files.reading import as_input_errors, open_regular
from contract.catalog import CatalogError, artist_numbers, read_catalog


class Catalog:
    """Tracks 0 to n-1 with artist and title; `len()` is n."""

    def __init__(
        self, artists: list[str], titles: list[str], neighbours: Mapping[int, bytes] | None = None
    ) -> None:
        """Entry i of both lists describes track i. `neighbours`: packed, of the tracks with any.

        "" is an unknown artist: such a track is its artist's only one.
        """
        self._artists = artists
        self._titles = titles
        self._neighbours = neighbours or {}
        self._artist_numbers = array("I", artist_numbers(artists))
        tracks: defaultdict[int, list[int]] = defaultdict(list)
        for track, artist in enumerate(self._artist_numbers):
            tracks[artist].append(track)
        self._by_artist = [pack(tracks[artist]) for artist in range(len(tracks))]

    def __len__(self) -> int:
        return len(self._artists)

    def describe(self, track: int) -> dict[str, int | str | list[int]]:
        """The track's public fields; the id must be in the catalog."""
        found: dict[str, int | str | list[int]] = {
            "track": track,
            "artist": self._artists[track],
            "title": self._titles[track],
        }
        if track in self._neighbours:
            found["recommendations"] = list(unpack(self._neighbours[track]))
        return found

    @property
    def artist_numbers(self) -> list[int]:
        """A number for the artist of each track, from 0, in the order of their first tracks."""
        return self._artist_numbers.tolist()

    def same_artist(self, track: int) -> bytes:
        """All tracks of this track's artist, itself included, packed."""
        return self._by_artist[self._artist_numbers[track]]

    def artist_tracks(self, track: int) -> tuple[int, ...]:
        """All tracks of this track's artist, itself included."""
        return unpack(self.same_artist(track))


def pack(tracks: Sequence[int]) -> bytes:
    """Track ids as consecutive little-endian uint32, as Redis and its scripts have them."""
    return struct.pack(f"<{len(tracks)}I", *tracks)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The inverse of `pack`."""
    return struct.unpack(f"<{len(packed) // 4}I", packed)


def load_catalog(path: Path) -> Catalog:
    """Read tracks.json, by `contract.catalog`.

    Raises InputError naming file and line.
    """
    with open_regular(path) as file, as_input_errors(path):
        try:
            tracks = read_catalog(bounded_lines(path, file), orjson.loads)
        except CatalogError as error:
            raise InputError(error.at(path)) from error
    shared: dict[str, str] = {}  # one string object per artist name
    return Catalog(
        [shared.setdefault(track.artist, track.artist) for track in tracks],
        [track.title for track in tracks],
        {track.track: pack(track.recommendations) for track in tracks if track.recommendations},
    )
