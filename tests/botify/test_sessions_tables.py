"""Files of models of sessions: what is refused, and what the message says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from botify.errors import InputError
from botify.sessions.tables import Tables

N = 12


def refusal(path: Path, n_tracks: int = N) -> str:
    with pytest.raises(InputError) as found:
        Tables.read(path, n_tracks)
    assert str(path) in str(found.value)
    return str(found.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.safetensors"


def test_a_good_file_is_read(write_sessions: Callable[..., Path], path: Path) -> None:
    tables = Tables.read(write_sessions(path, N), N)
    assert tables.tracks.tolist() == list(range(N - 2))
    assert tables.artist_discount == 0.8
    assert tables.use_history
    assert not tables.vectors.flags.writeable


def test_one_of_another_catalog_is_refused_with_both_sizes(
    write_sessions: Callable[..., Path], path: Path
) -> None:
    said = refusal(write_sessions(path, N), 50_000)
    assert "made for a catalog of 12 tracks; this one has 50,000" in said


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"starts": np.zeros((10, 3), np.float32)}, r"starts has shape (10, 3); it must have (10"),
        ({"vectors": np.zeros((9, 4), np.float32)}, "vectors has shape (9, 4); it must have (10,"),
        ({"first": np.full((10, 2), np.nan, np.float32)}, "first has entries that are no numbers"),
        ({"user_bias": np.full(10, np.inf, np.float32)}, "user_bias has entries that are no num"),
        ({"track_bias": np.zeros(10, np.int32)}, "track_bias holds int32, not float32"),
        ({"tracks": np.zeros(10, np.int32)}, "tracks must be sorted, from 0 to 11"),
        ({"tracks": np.arange(5, 15, dtype=np.int32)}, "tracks must be sorted, from 0 to 11"),
        ({"users": np.zeros(10, np.int64)}, "users must be sorted"),
        ({"taste_offsets": np.arange(11)}, "taste_offsets must go from 0 to 20"),
        ({"members": np.full(60, 10, np.int32)}, "members must be from 0 to 9"),
        ({"members": None}, "members"),
        ({"starts": np.zeros((10, 2))}, "starts is of type F64, not F32, I32, I64"),
    ],
)
def test_what_does_not_fit_is_named(
    write_sessions: Callable[..., Path],
    path: Path,
    arrays: dict[str, object],
    message: str,
) -> None:
    assert message in refusal(write_sessions(path, N, arrays))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"format": "botify-sessions-0"}, "its format is 'botify-sessions-0', not 'botify-sess"),
        ({"format": None}, "its format is None"),
        ({"heard": None}, "heard is missing"),
        ({"artist_discount": 0}, "artist_discount is 0.0; it must be 0 to 1, not 0"),
        ({"artist_discount": 1.5}, "artist_discount is 1.5; it must be 0 to 1, not 0"),
        ({"skip_weight": "nan"}, "nan is no number"),
        ({"offset": "much"}, "could not convert string to float: 'much'"),
    ],
)
def test_so_is_what_the_header_lacks(
    write_sessions: Callable[..., Path],
    path: Path,
    about: dict[str, object],
    message: str,
) -> None:
    assert message in refusal(write_sessions(path, N, about=about))


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_file_that_is_cut_off_is_refused(
    write_sessions: Callable[..., Path], path: Path, kept: int
) -> None:
    write_sessions(path, N)
    content = path.read_bytes()
    path.write_bytes(content[:kept])
    refusal(path)


def test_so_is_one_that_is_something_else(path: Path) -> None:
    path.write_text('{"user": 1, "tracks": [1, 2, 3]}\n' * 20)
    refusal(path)


def test_so_is_one_that_is_not_there(path: Path) -> None:
    assert "cannot be read (No such file or directory)" in refusal(path)
