"""Reads the lists that a service would serve, as the targets of an off-policy estimate."""

from pathlib import Path
from typing import Any

from contract.errors import FormatError
from contract.ids import track_id, user_digits
from contract.jsonlines import numbered_lines, parse_line
from offline.errors import InputError, check_regular

TOP = 100
"""Of how many popular tracks TOP_POP draws."""


def read_lists(path: Path) -> dict[str, list[int]]:
    """Lists of recommendations.json (JSON Lines {"user", "tracks"}) by user id in digits.

    Raises InputError that names file and line.
    """
    lists: dict[str, list[int]] = {}
    for number, line in numbered_lines(_content(path).split(b"\n")):
        where = f"{path}:{number}"
        found = _parsed(where, line)
        user = None
        if isinstance(found, dict) and not isinstance(found.get("user"), str):
            user = user_digits(found.get("user"))
        if user is None:
            raise InputError(f'{where}: not a list like {{"user": 0, "tracks": [1, 2]}}')
        if user in lists:
            raise InputError(f"{where}: user {user} has a list already")
        lists[user] = _tracks(where, found.get("tracks"))
    if not lists:
        raise InputError(f"{path}: there is no list in it")
    return lists


def read_top_tracks(path: Path) -> list[int]:
    """The first 100 of top_tracks.json, most popular first; raises InputError."""
    tracks = _tracks(str(path), _parsed(str(path), _content(path)))
    if not tracks:
        raise InputError(f"{path}: there is no track in it")
    return tracks[:TOP]


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


def _tracks(where: str, tracks: object) -> list[int]:
    numbers = [track_id(track) for track in tracks] if isinstance(tracks, list) else [None]
    found = [track for track in numbers if track is not None and track < 2**63]
    if len(found) < len(numbers):
        raise InputError(f"{where}: tracks must be a list of non-negative integers")
    if len(set(found)) < len(found):
        raise InputError(f"{where}: a track is there twice")
    return found
