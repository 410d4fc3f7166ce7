"""What is learned from the plays of a log, and the catalog's artists."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.data.catalog import artists_of
from offline.data.collect import collect
from offline.data.session_stats import SessionStats
from offline.errors import InputError

Make = Callable[..., Any]


def session(event: Make, number: int, user: int, plays: list[tuple[int, float]]) -> list[Any]:
    """A session with these tracks and times; the first is what it starts with."""
    last = len(plays) - 1
    return [
        event(
            user=user,
            track=track,
            time=time,
            timestamp=10_000 * number + step,
            message="last" if step == last else "next",
            recommendation=None if step == last else 0,
        )
        for step, (track, time) in enumerate(plays)
    ]


def stats(tmp_path: Path, write_log: Make, events: list[Any], artists: list[int]) -> SessionStats:
    collect([write_log(events)], tmp_path / "out")
    users = np.unique([event["user"] for event in events])
    return SessionStats.read(tmp_path / "out", users, np.array(artists))


def test_starts_are_counted_by_user_and_track(
    tmp_path: Path, write_log: Make, event: Make
) -> None:
    plays = [(1, [(3, 1.0), (0, 0.5)]), (1, [(3, 1.0)]), (7, [(2, 1.0), (3, 0.9)])]
    events = [e for n, (user, some) in enumerate(plays) for e in session(event, n, user, some)]
    found = stats(tmp_path, write_log, events, [0, 1, 2, 3])
    assert found.starts.toarray().tolist() == [[0, 0, 0, 2], [0, 0, 1, 0]]


def test_patience_is_what_a_session_goes_without(
    tmp_path: Path, write_log: Make, event: Make
) -> None:
    # 0.5 + 1.0 + 0.9 and 2.0 + 0.6; the start costs nothing.
    one = [(0, 1.0), (1, 0.5), (2, 0.0), (3, 0.1)]
    two = [(0, 1.0), (1, 0.0), (2, 0.0), (3, 0.4)]
    events = session(event, 0, 1, one) + session(event, 1, 1, two)
    assert stats(tmp_path, write_log, events, [0, 1, 2, 3]).patience == pytest.approx(2.5)


@pytest.mark.parametrize("discount", [1.0, 0.8, 0.3])
def test_a_known_discount_is_found_again(
    discount: float, tmp_path: Path, write_log: Make, event: Make
) -> None:
    """Listeners who tire; an artist is liked or not, which alone would look like the contrary."""
    rng = np.random.default_rng(4)
    artists = np.arange(40) // 4
    events = []
    for number in range(400):
        tracks = rng.permutation(40)[:12]
        fond = rng.random(10)  # of each artist, in this session
        heard = np.zeros(10, dtype=np.int64)
        plays = []
        for place, track in enumerate(tracks.tolist()):
            artist = artists[track]
            share = fond[artist] * discount ** heard[artist]
            heard[artist] += 1
            plays.append((track, 1.0 if place == 0 else float(share)))
        events += session(event, number, number % 20, plays)
    found = stats(tmp_path, write_log, events, artists.tolist())
    assert found.pairs > 1000
    assert found.artist_discount == pytest.approx(discount, abs=0.02)


def test_neither_starts_nor_repeats_nor_few_pairs_tell_of_a_discount(
    tmp_path: Path, write_log: Make, event: Make
) -> None:
    events = []
    for number in range(200):
        # Track 1 is of the start's artist; track 2 comes again, and nobody wants it twice.
        plays = [(0, 1.0), (1, 0.2), (2, 0.9), (2, 0.0), (4, 0.5)]
        events += session(event, number, 1, plays)
    found = stats(tmp_path, write_log, events, [0, 0, 1, 2, 3])
    assert (found.pairs, found.artist_discount) == (0, 1.0)
    events += session(event, 999, 1, [(0, 1.0), (2, 0.9), (3, 0.1)])
    assert stats(tmp_path, write_log, events, [0, 0, 1, 1, 3]).pairs == 1
    assert stats(tmp_path, write_log, events, [0, 0, 1, 1, 3]).artist_discount == 1.0


def test_listeners_without_a_miss_have_patience_enough_to_divide_by(
    tmp_path: Path, write_log: Make, event: Make
) -> None:
    events = session(event, 0, 1, [(0, 1.0), (1, 1.0)])
    assert stats(tmp_path, write_log, events, [0, 1]).patience == 1.0


def test_plays_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    nobody = np.empty(0, dtype=np.int64)
    with pytest.raises(InputError, match="lists by session need the plays"):
        SessionStats.read(tmp_path, nobody, nobody)
    (tmp_path / "plays.parquet").write_bytes(b"PAR?")
    with pytest.raises(InputError, match=r"plays.parquet: damaged .*: collect again"):
        SessionStats.read(tmp_path, nobody, nobody)


def catalog(path: Path, artists: list[object]) -> Path:
    lines = [{"track": t, "artist": artist} for t, artist in enumerate(artists)]
    path.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    return path


def test_tracks_of_one_artist_have_one_number(tmp_path: Path) -> None:
    found = artists_of(catalog(tmp_path / "tracks.json", ["x", "y", "x", "z"]), 4)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 3


def test_catalogs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = catalog(tmp_path / "tracks.json", ["x", 5, "y"])
    with pytest.raises(InputError, match=r"tracks.json:2: `artist` must be a text"):
        artists_of(path, 3)
    with pytest.raises(InputError, match="names no artist"):
        artists_of(catalog(tmp_path / "none.json", [None, None, None]), 3)
    path = catalog(tmp_path / "tracks.json", ["x", None, "x"])
    assert artists_of(path, 3).tolist() == [0, 1, 0]
    with pytest.raises(InputError, match="has 3 tracks, but the model's catalog has 4"):
        artists_of(path, 4)
