"""What the simulator writes is what training reads, in either format."""

import json
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sim.agents.policies import Policy
from sim.engine.events import Events, Recorder
from sim.engine.play import play
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog
from sim.logs.log import Log
from sim.logs.parquet_log import ParquetLog
from sim.rng import Streams
from sim.world import Catalog, Users, World

pytestmark = pytest.mark.integration

OFFLINE = Path(sysconfig.get_path("scripts")) / "botify-offline"
N_USERS, N_TRACKS, N_SESSIONS = 30, 80, 600
START_MS = 1_767_225_600_000


SOURCES = Policy("sticky_artist_unseen", Streams(5)).sources


@pytest.fixture(scope="module")
def world() -> World:
    """Listeners whose ids are no row numbers, one beyond 32 bits, of tracks they mostly like."""
    rng = np.random.default_rng(1)
    artist_of = rng.integers(0, 10, N_TRACKS).astype(np.int32)
    names = [str(number) for number in range(N_TRACKS)]
    users = Users(
        ids=np.append(rng.permutation(1000)[: N_USERS - 1], 2**62),
        bounds=np.arange(N_USERS + 1),
        interests=rng.integers(0, N_TRACKS, N_USERS),
        consume_bias=np.full(N_USERS, -1.0),
        consume_sharpness=np.ones(N_USERS),
        interest_neighbours=np.full(N_USERS, 10),
        session_budget=np.full(N_USERS, 4),
        artist_discount_gamma=np.full(N_USERS, 0.9),
    )
    embeddings = rng.normal(size=(N_TRACKS, 6)).astype(np.float32)
    return World(Catalog(names, names[:10], artist_of), embeddings, users)


@pytest.fixture(scope="module")
def events(world: World) -> Events:
    recorder = Recorder()
    episodes = range(N_SESSIONS)
    agent = Policy("sticky_artist_unseen", Streams(5))
    play(world, agent, seed=5, episodes=episodes, recorder=recorder)
    return recorder.events()


@pytest.mark.parametrize("days", [7.0, 0.01])
def test_training_reads_the_sessions_that_were_played_from_either_format(
    days: float, world: World, events: Events, tmp_path: Path
) -> None:
    json_log = collected(JsonLog, days, world, events, tmp_path)
    parquet_log = collected(ParquetLog, days, world, events, tmp_path)
    assert json_log.pop("files") == [str(tmp_path / "JsonLog" / "data.json")]
    assert parquet_log.pop("files") == [str(tmp_path / "ParquetLog" / "data.parquet")]
    assert json_log == parquet_log
    assert json_log["lines"] == len(events.episodes)
    assert json_log["bad_lines"] == 0

    plays = pq.read_table(tmp_path / "ParquetLog-out" / "plays.parquet")
    # By user; an episode later than another of the same user is a later session.
    order = np.argsort(events.users, kind="stable")
    assert plays["user"].to_numpy().tolist() == events.users[order].tolist()
    assert plays["track"].to_numpy().tolist() == events.tracks[order].tolist()
    assert plays["time"].to_numpy().tolist() == events.times[order].tolist()
    assert plays["position"].to_numpy().tolist() == events.steps[order].tolist()


def collected(
    make_log: Callable[..., Log], days: float, world: World, events: Events, root: Path
) -> dict[str, Any]:
    """What `botify-offline collect` says of the log of these events."""
    logs = root / make_log.__name__
    clock = Clock(START_MS, days, N_SESSIONS, world.users.ids)
    with make_log(logs, SOURCES, clock) as log:
        log.write(events)
    out = root / f"{logs.name}-out"
    done = subprocess.run(
        [OFFLINE, "collect", logs, "--out", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    about: dict[str, Any] = json.loads((out / "interactions.json").read_text())
    return about


def test_a_log_that_is_still_being_written_is_no_log_to_training(
    world: World, events: Events, tmp_path: Path
) -> None:
    """Nor is what a killed run left."""
    clock = Clock(START_MS, 7.0, N_SESSIONS, world.users.ids)
    with ParquetLog(tmp_path / "log", SOURCES, clock, rows=500) as log:
        log.write(events)
        done = subprocess.run(
            [OFFLINE, "collect", tmp_path / "log", "--out", tmp_path / "out"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: no log in {tmp_path / 'log'}: ")
