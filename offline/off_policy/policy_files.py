"""Reads the lists of a service as target policies."""

from pathlib import Path
from typing import Any

from contract.errors import FormatError
from contract.jsonlines import numbered_lines, parse_line
from contract.lists import parse_neighbours, parse_recommendations, parse_tracks
from offline.errors import InputError, check_regular

TOP = 100
"""Of how many popular tracks TOP_POP draws, and how many neighbours a track has."""


def read_lists(path: Path) -> dict[str, list[int]]:
    """Lists of recommendations.json (JSON Lines {"user", "tracks"}) by user id in digits.

    Raises InputError that names file and line.
    """
    lists: dict[str, list[int]] = {}
    for number, line in numbered_lines(_content(path).split(b"\n")):
        where = f"{path}:{number}"
        try:
            user, tracks = parse_recommendations(_parsed(where, line))
        except FormatError as error:
            raise InputError(
                f'{where}: {error}; a list is like {{"user": 0, "tracks": [1, 2]}}'
            ) from None
        if user in lists:
            raise InputError(f"{where}: user {user} has a list already")
        lists[user] = list(tracks)
    if not lists:
        raise InputError(f"{path}: there is no list in it")
    return lists


def read_neighbours(path: Path) -> dict[str, list[int]]:
    """The 100 nearest of each track, from item-to-item lists, by track in digits.

    Raises InputError that names file and line.
    """
    lists: dict[str, list[int]] = {}
    for number, line in numbered_lines(_content(path).split(b"\n")):
        where = f"{path}:{number}"
        try:
            track, neighbours = parse_neighbours(_parsed(where, line))
        except FormatError as error:
            raise InputError(f"{where}: {error}") from None
        if str(track) in lists:
            raise InputError(f"{where}: track {track} has a list already")
        lists[str(track)] = list(neighbours)[:TOP]
    if not lists:
        raise InputError(f"{path}: there is no list in it")
    return lists


def read_top_tracks(path: Path) -> list[int]:
    """The first 100 of top_tracks.json, most popular first; raises InputError."""
    content = _parsed(str(path), _content(path))
    try:
        return list(parse_tracks(content))[:TOP]
    except FormatError as error:
        raise InputError(f"{path}: {error}") from None


def _content(path: Path) -> bytes:
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _parsed(where: str, line: bytes) -> Any:
    try:
        return parse_line(line)
    except FormatError as error:
        raise InputError(f"{where}: not JSON: {str(error).removeprefix('not JSON ')}") from error
