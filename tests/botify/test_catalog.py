"""tracks.json: dense ids, and mistakes named by file and line."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botify.catalog import load_catalog
from botify.errors import InputError

Lines = Callable[..., Path]


def row(track: Any, artist: Any = "A", title: Any = "t", **more: Any) -> dict[str, Any]:
    return {"track": track, "artist": artist, "title": title, **more}


def test_lines_in_any_order_and_extra_keys_load(write_lines: Lines) -> None:
    path = write_lines(
        "t.json", row(1, "B"), "", row(0, "Ä", "Ö", recommendations=[1]), row(2, "B")
    )
    catalog = load_catalog(path)
    assert len(catalog) == 3
    assert catalog.describe(0) == {
        **{"track": 0, "artist": "Ä", "title": "Ö"},
        "recommendations": [1],
    }
    assert catalog.describe(1) == {"track": 1, "artist": "B", "title": "t"}
    assert struct.unpack("<2I", catalog.same_artist(2)) == (1, 2)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(0), row(1), row(3)], r"t\.json: 3 tracks, but track 2 is missing"),
        ([row(0), row(0)], r"t\.json:2: track 0 is there twice, first in line 1"),
        ([row(0), '{"track": 1, '], r"t\.json:2: cut off after 12 characters"),
        ([row(0), b"\xff\xfe".decode("latin-1")], r"t\.json:2: not JSON"),
        ([row(0), [1]], r"t\.json:2: expected a JSON object"),
        ([row(-1)], r"t\.json:1: `track` must be a non-negative integer"),
        ([row(True)], r"t\.json:1: `track` must be a non-negative integer"),
        ([row(0.5)], r"t\.json:1: `track` must be a non-negative integer"),
        ([row(0, 7)], r"t\.json:1: `artist` must be a text"),
        ([row(0, recommendations=[5])], r"t\.json:1: .* track 5 is not in the catalog"),
        ([], r"t\.json: the catalog has no tracks"),
    ],
)
def test_mistakes_name_file_and_line(
    write_lines: Lines, rows: list[object], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        load_catalog(write_lines("t.json", *rows))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json: cannot be read"):
        load_catalog(tmp_path / "gone.json")


def test_tracks_without_an_artist_have_nothing_in_common(write_lines: Lines) -> None:
    rows = row(0, None, None), '{"track": 1.0, "artist": NaN}', row(2, "B"), row(3, "B")
    catalog = load_catalog(write_lines("t.json", *rows))
    assert catalog.describe(1) == {"track": 1, "artist": "", "title": ""}
    assert [len(catalog.same_artist(track)) // 4 for track in range(4)] == [1, 1, 2, 2]
    assert catalog.artist_numbers == [0, 1, 2, 2]
