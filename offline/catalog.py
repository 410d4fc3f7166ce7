"""The catalog, as far as learning from logs needs it."""

import json
from pathlib import Path
from typing import Any

from offline.errors import InputError, check_regular


def catalog_size(path: str | Path) -> int:
    """Number of tracks in a `tracks.json`; raises what `read_tracks` does."""
    return len(read_tracks(path))


def read_tracks(path: str | Path) -> dict[int, dict[str, Any]]:
    """Tracks of a `tracks.json` (JSON Lines `{"track": int, ...}`, ids 0 to n-1) by line number.

    Raises InputError where the file cannot be read, a line is no track, or ids are not dense.
    """
    found: dict[int, dict[str, Any]] = {}
    tracks: set[int] = set()
    check_regular(Path(path))
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                found[number] = _track(path, number, line)
                track = found[number]["track"]
                if track in tracks:
                    raise InputError(f"{path}:{number}: track {track} is there twice")
                tracks.add(track)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"catalog {path} cannot be read: {error}") from error
    if not tracks:
        raise InputError(f"catalog {path} has no tracks")
    if max(tracks) != len(tracks) - 1:
        missing = next(track for track in range(len(tracks)) if track not in tracks)
        raise InputError(f"catalog {path} has no track {missing}: ids must be 0 to n-1, no gaps")
    return found


def _track(path: str | Path, number: int, line: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
        track = found["track"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f'{path}:{number}: not a track like {{"track": 0, ...}}') from error
    if not isinstance(track, int) or isinstance(track, bool) or track < 0:
        raise InputError(f"{path}:{number}: `track` must be a non-negative integer, not {track!r}")
    return found
