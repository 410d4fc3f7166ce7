"""List files: what is kept, and what is refused."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botify.errors import InputError
from botify.lists.reader import EVERYONE, ListKind, read_lists

Lines = Callable[..., Path]
N_TRACKS = 2000


def read(path: Path, kind: ListKind, length: int | None = None) -> dict[str, list[int]]:
    return {
        key: [track for (track,) in struct.iter_unpack("<I", packed)]
        for key, packed in read_lists(path, kind, N_TRACKS, length)
    }


def test_lists_of_users_keep_every_track(write_lines: Lines) -> None:
    tracks = list(range(1000))
    path = write_lines("r.json", {"user": 10**30, "tracks": tracks}, {"user": 0, "tracks": [7]})
    assert read(path, ListKind.USERS) == {str(10**30): tracks, "0": [7]}


def test_neighbours_and_popular_tracks_count_up_to_the_hundredth(
    write_lines: Lines, tmp_path: Path
) -> None:
    tracks = list(range(1000, 0, -1))
    path = write_lines("n.json", {"track": 7, "recommendations": tracks})
    assert read(path, ListKind.NEIGHBOURS) == {"7": tracks[:100]}
    top = tmp_path / "top.json"
    top.write_text(json.dumps(list(range(N_TRACKS))))
    assert read(top, ListKind.TOP) == {EVERYONE: list(range(100))}


def test_a_track_without_neighbours_may_be_said_to_have_none(write_lines: Lines) -> None:
    path = write_lines(
        "n.json", {"track": 7, "recommendations": []}, {"track": 8, "recommendations": [1]}
    )
    assert read(path, ListKind.NEIGHBOURS) == {"8": [1]}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"user": 1, "tracks": [2000]}, r"`tracks`: track 2000 is not in the catalog \(0 to 1999"),
        ({"user": 1, "tracks": [5, 2**40, 1.5]}, "must be a list of integers"),
        ({"user": 1, "tracks": [5, 2**40]}, f"track {2**40} is not in the catalog"),
        ({"user": 1, "tracks": [5, -1]}, "track -1 is not in the catalog"),
        ({"user": 1, "tracks": [5, 6, 5]}, "track 5 is there twice"),
        ({"user": 1, "tracks": [1.0]}, "must be a list of integers"),
        ({"user": 1, "tracks": [True]}, "must be a list of integers"),
        ({"user": 1, "tracks": [7, False]}, "must be a list of integers"),
        ({"user": 1, "tracks": [[1]]}, "must be a list of integers"),
        ({"user": 1, "tracks": {}}, "must be a list of integers"),
        ({"user": 1, "tracks": "1"}, "must be a list of integers"),
        ({"user": 1}, "must be a list of integers"),
        ({"user": 1, "tracks": []}, "`tracks` has 0 tracks; it must have 1 to 1000"),
        ({"user": 1, "tracks": list(range(1001))}, "has 1001 tracks; it must have 1 to 1000"),
        ({"user": 0, "tracks": [1]}, "user 0 has a list already"),
        ({"user": -1, "tracks": [1]}, "`user` must be a non-negative integer"),
        ({"user": "1", "tracks": [1]}, "`user` must be a non-negative integer"),
        ({"user": True, "tracks": [1]}, "`user` must be a non-negative integer"),
        ('{"user": 1, "tracks": [1', "not JSON"),
        ("[]", "expected a JSON object"),
    ],
)
def test_mistakes_name_file_and_line(write_lines: Lines, second: Any, expected: str) -> None:
    path = write_lines("r.json", {"user": 0, "tracks": [1]}, second)
    with pytest.raises(InputError, match=rf"r\.json:2: .*{expected}"):
        read(path, ListKind.USERS)


@pytest.mark.parametrize("tracks", [[1, 2], [1, 2, 3, 4]])
def test_where_a_length_is_asked_every_list_of_users_must_have_it(
    write_lines: Lines, tracks: list[int]
) -> None:
    path = write_lines("r.json", {"user": 0, "tracks": [1, 2, 3]}, {"user": 1, "tracks": tracks})
    expected = rf"r\.json:2: `tracks` has {len(tracks)} tracks; it must have 3$"
    with pytest.raises(InputError, match=expected):
        read(path, ListKind.USERS, length=3)


def test_neighbours_of_other_editions_are_read(write_lines: Lines) -> None:
    path = write_lines(
        "n.json",
        {"item_id": 7, "recommendations": [1, 2]},
        {"track": 8, "recommendations": None},
        {"track": 9, "artist": "a", "title": "t"},
        {"track": 3, "item_id": 3, "recommendations": [4]},
    )
    assert read(path, ListKind.NEIGHBOURS) == {"7": [1, 2], "3": [4]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"recommendations": [1]}, "`track` must be a non-negative integer"),
        ({"item_id": "7", "recommendations": [1]}, "`item_id` must be a non-negative integer"),
        ({"item_id": 2000}, "track 2000 is not in the catalog"),
        ({"item_id": 1, "track": 2, "recommendations": [3]}, "`track` 2 and `item_id` 1 differ"),
        ({"track": 1, "recommendations": {}}, "`recommendations` must be a list of integers"),
    ],
)
def test_other_names_are_checked_as_ours(
    write_lines: Lines, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f":1: {message}"):
        read(write_lines("n.json", row), ListKind.NEIGHBOURS)


def test_a_track_comes_once_whatever_it_is_called(write_lines: Lines) -> None:
    path = write_lines("n.json", {"track": 1}, {"item_id": 1, "recommendations": [3]})
    with pytest.raises(InputError, match=":2: item_id 1 has a list already"):
        read(path, ListKind.NEIGHBOURS)


@pytest.mark.parametrize("row", [{"user": 1}, {"user": 1, "tracks": None}])
def test_a_users_list_is_there(write_lines: Lines, row: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="`tracks` must be a list of integers"):
        read(write_lines("u.json", row), ListKind.USERS)


def test_where_a_length_is_asked_neighbours_may_be_fewer_but_not_more(write_lines: Lines) -> None:
    few = {"track": 0, "recommendations": [1]}
    path = write_lines("n.json", few, {"track": 1, "recommendations": [2, 3, 4]})
    with pytest.raises(InputError, match=r"n\.json:2: .*has 3 tracks; it must have 0 to 2$"):
        read(path, ListKind.NEIGHBOURS, length=2)
    assert read(write_lines("n.json", few), ListKind.NEIGHBOURS, length=2) == {"0": [1]}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"track": 2000, "recommendations": [1]}, "track 2000 is not in the catalog"),
        ({"track": 0, "recommendations": list(range(1001))}, "it must have 0 to 1000"),
        ({"track": 0, "recommendations": [*range(100), 2000]}, "track 2000 is not in the catalog"),
        ({"track": 0, "recommendations": [*range(100), 5]}, "track 5 is there twice"),
    ],
)
def test_bad_neighbours_are_refused_even_past_the_hundredth(
    write_lines: Lines, row: object, expected: str
) -> None:
    with pytest.raises(InputError, match=rf"n\.json:1: .*{expected}"):
        read(write_lines("n.json", row), ListKind.NEIGHBOURS)


@pytest.mark.parametrize("text", ["[1, 2", "{}", "[]", "[1, 1]", "[2000]", '["1"]'])
def test_a_bad_list_of_popular_tracks_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "top.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"top\.json: "):
        read(path, ListKind.TOP)


def test_a_file_with_fewer_lists_than_its_first_line_says_is_refused(write_lines: Lines) -> None:
    rows = [{"user": user, "tracks": [1]} for user in range(5)]
    rows[0]["lists"] = 5
    assert len(list(read_lists(write_lines("whole.json", *rows), ListKind.USERS, 10))) == 5
    part = write_lines("part.json", *rows[:4])
    with pytest.raises(
        InputError, match=r"part\.json: ends after 4 of 5 lists, as its first line"
    ):
        list(read_lists(part, ListKind.USERS, 10))
    # Two files in one, or no number at all: nothing that says it is cut off.
    rows[0]["lists"] = 3
    assert len(list(read_lists(write_lines("more.json", *rows), ListKind.USERS, 10))) == 5
    rows[0]["lists"] = [9]
    assert len(list(read_lists(write_lines("other.json", *rows), ListKind.USERS, 10))) == 5
