"""The tracks that exist, and which artist each belongs to."""

import struct
from collections import defaultdict
from pathlib import Path

from botify.errors import InputError
from botify.jsonlines import is_integer, read_objects


class Catalog:
    """Tracks 0 to n-1 with artist and title; `len()` is n."""

    def __init__(self, artists: list[str], titles: list[str]) -> None:
        """Row i of both lists describes track i."""
        self._artists = artists
        self._titles = titles
        tracks: defaultdict[str, list[int]] = defaultdict(list)
        for track, artist in enumerate(artists):
            tracks[artist].append(track)
        self._by_artist = {artist: pack(ids) for artist, ids in tracks.items()}

    def __len__(self) -> int:
        return len(self._artists)

    def describe(self, track: int) -> dict[str, int | str]:
        """The track's public fields; the id must be in the catalog."""
        return {
            "track": track,
            "artist": self._artists[track],
            "title": self._titles[track],
        }

    @property
    def artist_numbers(self) -> list[int]:
        """A number for the artist of each track, from 0, in the order of their first tracks."""
        numbers = {artist: number for number, artist in enumerate(self._by_artist)}
        return [numbers[artist] for artist in self._artists]

    def same_artist(self, track: int) -> bytes:
        """All tracks of this track's artist, itself included, packed."""
        return self._by_artist[self._artists[track]]


def pack(tracks: list[int]) -> bytes:
    """Track ids as consecutive little-endian uint32: what the store keeps and its scripts read."""
    return struct.pack(f"<{len(tracks)}I", *tracks)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The track ids that `pack` packed."""
    return struct.unpack(f"<{len(packed) // 4}I", packed)


def load_catalog(path: Path) -> Catalog:
    """Read tracks.json (JSON Lines with `track`, `artist`, `title`; other keys are ignored).

    Lines may come in any order; the ids must be 0 to n-1, each once.
    Raises InputError naming file and line.
    """
    found: dict[int, tuple[str, str]] = {}
    shared: dict[str, str] = {}  # one string object per artist name
    place = str(path)
    for place, row in read_objects(path):
        track, artist, title = row.get("track"), row.get("artist"), row.get("title")
        if not is_integer(track) or track < 0:
            raise InputError(f"{place}: `track` must be a non-negative integer")
        if not isinstance(artist, str) or not isinstance(title, str):
            raise InputError(f"{place}: `artist` and `title` must be strings")
        if track in found:
            raise InputError(f"{place}: track {track} is already in the catalog")
        found[track] = (shared.setdefault(artist, artist), title)
    if not found:
        raise InputError(f"{path}: the catalog is empty")
    if max(found) != len(found) - 1:
        gap = next(track for track in range(len(found)) if track not in found)
        raise InputError(
            f"{place}: {len(found)} tracks end here, but track {gap} is missing; "
            "ids must be 0 to n-1 without gaps"
        )
    rows = [found[track] for track in range(len(found))]
    return Catalog([artist for artist, _ in rows], [title for _, title in rows])
