"""Reads the lists that a service would serve, as the targets of an off-policy estimate."""

import json
from pathlib import Path
from typing import Any

from offline.errors import InputError, check_regular

TOP = 100
"""Of how many popular tracks TOP_POP draws."""


def read_lists(path: Path) -> dict[str, list[int]]:
    """Lists of recommendations.json (JSON Lines {"user", "tracks"}) by user id in digits.

    Raises InputError that names file and line.
    """
    lists: dict[str, list[int]] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        found = _parsed(where, line)
        if not isinstance(found, dict) or type(found.get("user")) is not int:
            raise InputError(f'{where}: not a list like {{"user": 0, "tracks": [1, 2]}}')
        user = str(found["user"])
        if user in lists:
            raise InputError(f"{where}: user {user} has a list already")
        lists[user] = _tracks(where, found.get("tracks"))
    if not lists:
        raise InputError(f"{path}: there is no list in it")
    return lists


def read_top_tracks(path: Path) -> list[int]:
    """The first 100 of top_tracks.json, most popular first; raises InputError."""
    tracks = _tracks(str(path), _parsed(str(path), _text(path)))
    if not tracks:
        raise InputError(f"{path}: there is no track in it")
    return tracks[:TOP]


def _text(path: Path) -> str:
    check_regular(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {error}") from error


def _tracks(where: str, tracks: object) -> list[int]:
    if not isinstance(tracks, list) or not all(type(t) is int and 0 <= t < 2**63 for t in tracks):
        raise InputError(f"{where}: tracks must be a list of non-negative integers")
    if len(set(tracks)) < len(tracks):
        raise InputError(f"{where}: a track is there twice")
    return tracks
