"""The body of a request: strict on types, lenient on the rest."""

import pytest

from botify.catalog import pack
from botify.errors import InputError
from botify.plays import Play, parse_play


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"track": 9, "time": 0.25}', Play(9, 0.25)),
        (b'{"track": 0, "time": 1}', Play(0, 1.0)),
        (b'{"track": 0, "time": 0, "mood": ["sad"]}', Play(0, 0.0)),
    ],
)
def test_a_play_is_read(body: bytes, expected: Play) -> None:
    play = parse_play(body, n_tracks=10)
    assert play == expected
    assert isinstance(play.time, float)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "must be JSON"),
        (b"track=1&time=1", "must be JSON"),
        (b'{"track": 1, "time": NaN}', "must be JSON"),
        (b'{"track": 1, "time": 1e999}', "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[1, 1]", "must be an object"),
        (b"null", "must be an object"),
        (b'{"time": 1}', "`track` is missing"),
        (b'{"track": 1}', "`time` is missing"),
        (b'{"track": 1.0, "time": 1}', "`track` must be an integer"),
        (b'{"track": "1", "time": 1}', "`track` must be an integer"),
        (b'{"track": true, "time": 1}', "`track` must be an integer"),
        (b'{"track": null, "time": 1}', "`track` must be an integer"),
        (b'{"track": 10, "time": 1}', r"track 10 is not in the catalog \(0 to 9\)"),
        (b'{"track": -1, "time": 1}', "track -1 is not in the catalog"),
        (b'{"track": 1, "time": true}', "`time` must be a number"),
        (b'{"track": 1, "time": "1"}', "`time` must be a number"),
        (b'{"track": 1, "time": null}', "`time` must be a number"),
        (b'{"track": 1, "time": 1.001}', "`time` must be between 0 and 1"),
        (b'{"track": 1, "time": -0.1}', "`time` must be between 0 and 1"),
        (b'{"track": 1, "time": 2}', "`time` must be between 0 and 1"),
        (b'{"track": 1, "time": 1, "exclude": 3}', "`exclude` must be a list of integers"),
        (b'{"track": 1, "time": 1, "exclude": [true]}', "`exclude` must be a list of integers"),
        (b'{"track": 1, "time": 1, "exclude": [1, 10]}', "`exclude`: track 10 is not in the"),
        (
            b'{"track": 1, "time": 1, "exclude": [' + b"1," * 1000 + b"1]}",
            "`exclude` may name 1000 tracks, not 1001",
        ),
    ],
)
def test_anything_else_is_refused_with_a_reason(body: bytes, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        parse_play(body, n_tracks=10)


@pytest.mark.parametrize(
    ("exclude", "packed"), [(b"null", b""), (b"[]", b""), (b"[3, 1, 3]", pack([3, 1, 3]))]
)
def test_tracks_may_be_excluded(exclude: bytes, packed: bytes) -> None:
    body = b'{"track": 1, "time": 1, "exclude": ' + exclude + b"}"
    assert parse_play(body, n_tracks=10).exclude == packed
