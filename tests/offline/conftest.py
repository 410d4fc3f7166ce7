"""Event logs to learn from and to judge, made up but shaped like real ones."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from .watch.watching import parts

Event = dict[str, Any]
WriteLog = Callable[..., Path]

HOUR = 3_600_000
START = 1_700_000_000_000
EXPERIMENT = "DAE_VS_CONTEXTUAL"


def _make_events(
    seed: int = 31337,
    n_users: int = 200,
    n_tracks: int = 400,
    sessions_per_user: float = 4.0,
    lift: float = 1.3,
    treatments: tuple[str, ...] = ("C", "T1"),
) -> list[Event]:
    """Events of listeners with tastes of their own, in time order, as a service would log them.

    A listener likes one region of the catalog; a session ends when a patience of 5 is used up by
    poor matches, so session lengths have a long tail. Treatment k raises matches by `lift`^k.
    """
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for user in range(n_users):
        arm = int(rng.integers(len(treatments)))
        match = min(rng.beta(2, 3) * lift**arm, 0.95)
        clock = START + int(rng.integers(48 * HOUR))
        for session in range(rng.poisson(sessions_per_user)):
            clock += int(rng.exponential(6 * HOUR))
            name = f"{user}-{session}"
            play = {"track": int(rng.zipf(1.3)) % n_tracks, "time": 1.0}
            patience = 5
            while patience:
                taste = int(rng.normal(user % 20 * n_tracks / 20, 8)) % n_tracks
                events.append(_event("next", clock, user, play, taste, treatments[arm], rng, name))
                clock += int(1000 + play["time"] * 180_000 * rng.random())
                heard = round(float(rng.beta(8 * match, 8 - 8 * match)), 2)
                play = {"track": taste, "time": heard}
                patience -= int(rng.random() > heard)
            events.append(_event("last", clock, user, play, None, treatments[arm], rng, name))
    return sorted(events, key=lambda event: event["timestamp"])


def _event(
    message: str,
    clock: int,
    user: int,
    play: Event,
    recommendation: int | None,
    treatment: str,
    rng: np.random.Generator,
    session: str,
) -> Event:
    return {
        "message": message,
        "timestamp": clock,
        "user": user,
        **play,
        "latency": float(rng.lognormal(-6.5, 0.4)),
        "recommendation": recommendation,
        "experiments": {EXPERIMENT: treatment},
        "session": session,
        "recommender": "indexed",
    }


def _event_with(**fields: Any) -> Event:
    """One `next` of user 1 in the control, with `fields` changed; a field of ... is left out."""
    whole = {
        "message": "next",
        "timestamp": START,
        "user": 1,
        "track": 7,
        "time": 1.0,
        "latency": 0.01,
        "recommendation": 8,
        "experiments": {EXPERIMENT: "C"},
    } | fields
    return {name: value for name, value in whole.items() if value is not ...}


@pytest.fixture
def make_events() -> Callable[..., list[Event]]:
    """Make realistic events: see `_make_events` for seed, sizes and the treatments' lift."""
    return _make_events


@pytest.fixture
def event() -> Callable[..., Event]:
    """Make one event: see `_event_with`."""
    return _event_with


@pytest.fixture
def write_log(tmp_path: Path) -> WriteLog:
    """Write events (or raw lines) as JSON Lines, compressed as the name's end says."""

    def write(lines: Iterable[Event | str], name: str = "data.json") -> Path:
        text = "".join(
            (line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines
        )
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        packers = {".gz": gzip.compress, ".zst": zstandard.compress}
        path.write_bytes(packers.get(path.suffix, bytes)(text.encode()))
        return path

    return write


@pytest.fixture
def analysed(write_log: WriteLog) -> Callable[..., Any]:
    """Analyse an experiment's events, with `Options` or without."""
    # Not for the tests that need none of it: statistics take seconds to load.
    from offline.experiment.aggregates.aggregate import aggregate
    from offline.experiment.analysis import Options, analyse
    from offline.logs.reader import open_logs

    def found(lines: Iterable[Event | str], options: Options | None = None) -> Any:
        with open_logs([write_log(lines)]) as log:
            return analyse(aggregate(log, EXPERIMENT), options=options)

    return found


@pytest.fixture
def events(make_events: Callable[..., list[Event]]) -> list[Event]:
    """Of 150 users and three treatments."""
    return make_events(n_users=150, treatments=("C", "T1", "T2"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An empty directory, which a test writes a log to."""
    directory = tmp_path / "log"
    directory.mkdir()
    return directory


@pytest.fixture
def three(events: list[Event]) -> list[bytes]:
    """The lines of `events` in three parts, as they would come."""
    return parts(events, 3)
