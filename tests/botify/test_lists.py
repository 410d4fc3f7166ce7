"""List files: what is kept, and what is refused."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botify.errors import InputError
from botify.lists import EVERYONE, ListKind, read_lists

Lines = Callable[..., Path]
N_TRACKS = 200


def read(path: Path, kind: ListKind) -> dict[str, list[int]]:
    return {
        key: [track for (track,) in struct.iter_unpack("<I", packed)]
        for key, packed in read_lists(path, kind, N_TRACKS)
    }


def test_lists_of_users_keep_every_track(write_lines: Lines) -> None:
    tracks = list(range(150))
    path = write_lines("r.json", {"user": 10**30, "tracks": tracks}, {"user": 0, "tracks": []})
    assert read(path, ListKind.USERS) == {str(10**30): tracks, "0": []}


def test_neighbours_and_popular_tracks_count_up_to_the_hundredth(
    write_lines: Lines, tmp_path: Path
) -> None:
    tracks = list(range(199, 49, -1))
    path = write_lines("n.json", {"track": 7, "recommendations": tracks})
    assert read(path, ListKind.NEIGHBOURS) == {"7": tracks[:100]}
    top = tmp_path / "top.json"
    top.write_text(json.dumps(tracks))
    assert read(top, ListKind.TOP) == {EVERYONE: tracks[:100]}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"user": 1, "tracks": [200]}, r"`tracks`: track 200 is not in the catalog \(0 to 199\)"),
        ({"user": 1, "tracks": [5, -1]}, "track -1 is not in the catalog"),
        ({"user": 1, "tracks": [5, 6, 5]}, "track 5 is there twice"),
        ({"user": 1, "tracks": [1.0]}, "must be a list of integers"),
        ({"user": 1, "tracks": [True]}, "must be a list of integers"),
        ({"user": 1, "tracks": "1"}, "must be a list of integers"),
        ({"user": 1}, "must be a list of integers"),
        ({"user": 0, "tracks": [1]}, "user 0 has a list already"),
        ({"user": -1, "tracks": [1]}, "`user` must be a non-negative integer"),
        ({"user": "1", "tracks": [1]}, "`user` must be a non-negative integer"),
        ('{"user": 1, "tracks": [1', "not JSON"),
        ("[]", "expected a JSON object"),
    ],
)
def test_mistakes_name_file_and_line(write_lines: Lines, second: Any, expected: str) -> None:
    path = write_lines("r.json", {"user": 0, "tracks": [1]}, second)
    with pytest.raises(InputError, match=rf"r\.json:2: .*{expected}"):
        read(path, ListKind.USERS)


def test_neighbours_of_an_unknown_track_are_refused(write_lines: Lines) -> None:
    path = write_lines("n.json", {"track": 200, "recommendations": [1]})
    with pytest.raises(InputError, match=r"n\.json:1: track 200 is not in the catalog"):
        read(path, ListKind.NEIGHBOURS)


@pytest.mark.parametrize("text", ["[1, 2", "{}", "[1, 1]", "[200]", '["1"]'])
def test_a_bad_list_of_popular_tracks_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "top.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"top\.json: "):
        read(path, ListKind.TOP)
