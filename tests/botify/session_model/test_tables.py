"""Files of models of sessions: what is refused, and what the message says."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from botify.errors import InputError
from botify.session_model.mapped_arrays import check_size
from botify.session_model.tables import Tables

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
        ({"first": np.full((10, 2), np.nan, np.float32)}, "first has NaN or infinite entries"),
        ({"user_bias": np.full(10, np.inf, np.float32)}, "user_bias has NaN or infinite entries"),
        ({"track_bias": np.zeros(10, np.int32)}, "track_bias holds int32, not float32"),
        ({"tracks": np.zeros(10, np.int32)}, "tracks must be sorted, from 0 to 11"),
        ({"tracks": np.arange(5, 15, dtype=np.int32)}, "tracks must be sorted, from 0 to 11"),
        ({"users": np.zeros(10, np.int64)}, "users must be sorted"),
        ({"taste_offsets": np.arange(11)}, "taste_offsets must go from 0 to 20"),
        ({"members": np.full(60, 10, np.int32)}, "members must be from 0 to 9"),
        ({"members": None}, "members"),
        (
            {"starts": np.zeros((10, 2), np.float16)},
            "starts is of type F16, not F32, F64, I32, I64",
        ),
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
        ({"skip_weight": "nan"}, "nan is not a finite number"),
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


def test_a_flipped_bit_anywhere_is_noticed(
    write_sessions: Callable[..., Path], path: Path
) -> None:
    content = write_sessions(path, N).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    for place in [*range(begin), *range(begin, len(content), 37), len(content) - 1]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        refusal(path)
    path.write_bytes(content)
    Tables.read(path, N)


def test_a_lost_checksum_is_noticed_and_an_earlier_format_has_none(
    write_sessions: Callable[..., Path], path: Path
) -> None:
    assert "its checksum is missing" in refusal(write_sessions(path, N, about={"sha256": None}))
    Tables.read(write_sessions(path, N, about={"sha256": None, "format": "botify-sessions-1"}), N)


def with_header(header: str, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + rest


@pytest.mark.parametrize(
    "content",
    [
        with_header("[" * 100_000),
        with_header("[" * 100_000 + "]" * 100_000),
        with_header('{"a":' * 100_000),
        with_header("[]"),
        with_header("null"),
        with_header("{}"),
        with_header('{"__metadata__": 3}'),
        with_header('{"__metadata__": {"format": "botify-sessions-2", "sha256": 5}}'),
        with_header('{"tracks": 3}'),
        with_header(
            '{"tracks": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}', b"1234"
        ),
        with_header('{"tracks": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e400]}}'),
        with_header(
            f'{{"a": {{"dtype": "F32", "shape": {[10**9] * 9000}, "data_offsets": [0, 4]}}}}'
        ),
        with_header(
            f'{{"a": {{"dtype": "F32", "shape": [{"9" * 5000}], "data_offsets": [0, 4]}}}}'
        ),
        b"\xff" * 8,
        b"\xff" * 400,
        b"PK\x03\x04" + bytes(400),
        bytes(400),
    ],
    ids=range(17),
)
def test_whatever_it_holds_is_its_refusal(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert len(refusal(path)) < len(str(path)) + 400


def test_what_is_longer_than_its_header_says_is_not_read(
    write_sessions: Callable[..., Path], path: Path
) -> None:
    write_sessions(path, N)
    os.truncate(path, 2**40)
    with pytest.raises(InputError, match="has 1099511627776 bytes, but its header names"):
        check_size(path)
