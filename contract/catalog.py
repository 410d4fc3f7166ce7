"""Catalogs (`tracks.json`) of every edition.

A track without an artist (`artist` null, NaN, empty or absent) counts as the only one of its
artist, as it is unknown which tracks share it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from contract.errors import FormatError
from contract.ids import track_id
from contract.jsonlines import numbered_lines, parse_line
from contract.values import is_nothing


class Track(NamedTuple):
    """A line of a catalog; an unknown `artist` or `title` is ""."""

    track: int
    artist: str = ""
    title: str = ""
    recommendations: tuple[int, ...] | None = None
    """Neighbours, best first; None if the catalog has none for this track."""


def parse_track(row: object) -> Track:
    """A line of a catalog; unknown keys are ignored. Raises FormatError."""
    fields = _object(row)
    return Track(
        _track(fields),
        _text(fields, "artist"),
        _text(fields, "title"),
        _tracks(fields, "recommendations"),
    )


class CatalogError(FormatError):
    """`line` is the number of the line at fault; None if it is not a single line."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line

    def at(self, path: object) -> str:
        """The message, with its place in the file."""
        return f"{path}: {self}" if self.line is None else f"{path}:{self.line}: {self}"


def read_catalog(
    lines: Iterable[bytes], parse: Callable[[bytes], object] = parse_line
) -> list[Track]:
    """The tracks 0 to n-1 from the lines of a catalog, in any order.

    `parse` may be a faster JSON parser; lines it refuses are given to `parse_line`. Raises
    CatalogError.
    """
    found: dict[int, Track] = {}
    numbers: dict[int, int] = {}
    for number, line in numbered_lines(lines):
        try:
            track = parse_track(_parsed(line, parse))
        except FormatError as error:
            raise CatalogError(str(error), number) from None
        if track.track in found:
            raise CatalogError(
                f"track {track.track} is there twice, first in line {numbers[track.track]}", number
            )
        found[track.track] = track
        numbers[track.track] = number
    if not found:
        raise CatalogError("the catalog has no tracks")
    if max(found) != len(found) - 1:
        gap = next(track for track in range(len(found)) if track not in found)
        raise CatalogError(
            f"{len(found)} tracks, but track {gap} is missing: ids must be 0 to n-1 without gaps"
        )
    for track in found.values():
        for neighbour in track.recommendations or ():
            if neighbour >= len(found):
                raise CatalogError(
                    f"`recommendations`: track {neighbour} is not in the catalog "
                    f"(0 to {len(found) - 1})",
                    numbers[track.track],
                )
    return [found[track] for track in range(len(found))]


def _parsed(line: bytes, parse: Callable[[bytes], object]) -> object:
    try:
        return parse(line)
    except FormatError:
        raise
    except ValueError:  # NaN, which is not JSON, or an error that parse_line names
        return parse_line(line)


def artist_numbers(artists: Iterable[str]) -> list[int]:
    """A number for the artist of each track, from 0, in the order of their first tracks.

    Each "" has a number of its own.
    """
    numbers: dict[str, int] = {}
    found: list[int] = []
    count = 0
    for artist in artists:
        number = numbers.setdefault(artist, count) if artist else count
        count += number == count
        found.append(number)
    return found


def _object(row: object) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    return row


def _track(fields: Mapping[str, Any]) -> int:
    if "track" not in fields:
        raise FormatError("no `track`")
    track = track_id(fields["track"])
    if track is None:
        raise FormatError(f"`track` must be a non-negative integer, not {_shown(fields['track'])}")
    return track


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    if is_nothing(value):
        return ""
    if not isinstance(value, str):
        raise FormatError(f"`{key}` must be a text, or null where it is not known")
    return value


def _tracks(fields: Mapping[str, Any], key: str) -> tuple[int, ...] | None:
    value = fields.get(key)
    if is_nothing(value):
        return None
    if not isinstance(value, list):
        raise FormatError(f"`{key}` must be a list of tracks, or null")
    found = []
    for some in value:
        track = track_id(some)
        if track is None:
            raise FormatError(
                f"`{key}` must be a list of non-negative integers; {_shown(some)} is none"
            )
        found.append(track)
    return tuple(found)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
