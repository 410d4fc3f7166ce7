"""What is recorded of a run: the same whatever the batch, in order, on a simulated clock."""

import json
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.base import Agent
from sim.agents.policies import Random
from sim.clock import Clock
from sim.engine import play
from sim.errors import InputError
from sim.events import Events, Recorder, concatenate
from sim.log import JsonLog
from sim.streams import Streams
from sim.summary import Summary
from sim.world import World

MakeWorld = Callable[..., World]
DAY_MS = 86_400_000


def record(
    world: World, agent: Agent, n: int, batch: int, every: int = 100_000
) -> tuple[Summary, Events]:
    parts: list[Events] = []
    recorder = Recorder(parts.append, every=every)
    summary = play(world, agent, seed=3, episodes=range(n), batch=batch, recorder=recorder)
    recorder.flush()
    return summary, concatenate(parts)


def test_events_do_not_depend_on_the_batch_size(make_world: MakeWorld) -> None:
    world = make_world()
    runs = [record(world, Random(Streams(3)), 700, batch) for batch in (1, 7, 512)]
    for summary, events in runs[1:]:
        assert summary == runs[0][0]
        for name in Events._fields:
            np.testing.assert_array_equal(getattr(events, name), getattr(runs[0][1], name))


def test_another_seed_gives_other_sessions(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = (
        play(world, Random(Streams(1)), seed=seed, episodes=range(200), batch=64)
        for seed in (1, 2)
    )
    assert a != b


def test_episodes_come_whole_and_in_order_however_often_they_are_handed_over(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    received: list[Events] = []
    recorder = Recorder(received.append, every=1)
    summary = play(
        world, Random(Streams(3)), seed=3, episodes=range(300), batch=16, recorder=recorder
    )
    recorder.flush()
    recorder.flush()
    assert len(received) > 10
    handed = [sorted(set(events.episodes.tolist())) for events in received]
    assert [episode for some in handed for episode in some] == list(range(300))
    events = concatenate(received)
    assert len(events.episodes) == summary.steps + summary.sessions
    for _, rows in groupby(range(len(events.episodes)), key=events.episodes.__getitem__):
        places = list(rows)
        assert events.steps[places].tolist() == list(range(len(places)))
        assert events.times[places[0]] == 1.0
        assert (events.recommendations[places] < 0).tolist() == [False] * (len(places) - 1) + [
            True
        ]
        # What was recommended is what was played next.
        assert events.recommendations[places[:-1]].tolist() == events.tracks[places[1:]].tolist()
        assert len(set(events.users[places].tolist())) == 1


def test_a_run_may_begin_at_a_later_episode(make_world: MakeWorld) -> None:
    world = make_world()
    _, every = record(world, Random(Streams(3)), 60, 8)
    parts: list[Events] = []
    recorder = Recorder(parts.append, first_episode=40)
    play(world, Random(Streams(3)), seed=3, episodes=range(40, 60), batch=8, recorder=recorder)
    recorder.flush()
    later = every.where(every.episodes >= 40)
    assert concatenate(parts).tracks.tolist() == later.tracks.tolist()


SCHEMA: dict[str, tuple[type, ...]] = {
    "message": (str,),
    "timestamp": (int,),
    "user": (int,),
    "track": (int,),
    "time": (float,),
    "latency": (float,),
    "recommendation": (int, type(None)),
    "experiments": (dict,),
    "session": (str,),
    "recommender": (str,),
    "rank": (int, type(None)),
    "propensity": (float, type(None)),
}


def write_log(world: World, directory: Path, n: int, days: float) -> list[dict[str, Any]]:
    clock = Clock(1_000_000, days, n, world.users.ids)
    with JsonLog(directory, "random", clock) as log:
        recorder = Recorder(log.write, every=50)
        play(world, Random(Streams(3)), seed=3, episodes=range(n), batch=32, recorder=recorder)
        recorder.flush()
    return [json.loads(line) for line in (directory / "data.json").read_text().splitlines()]


def test_every_line_of_the_log_is_as_the_protocol_says(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    lines = write_log(make_world(), tmp_path / "log", 200, 30.0)
    for line in lines:
        assert set(line) == set(SCHEMA)
        for field, types in SCHEMA.items():
            assert type(line[field]) in types, field
        assert 0.0 <= line["time"] <= 1.0
        assert (line["recommendation"] is None) == (line["message"] == "last")
        if line["message"] == "next":
            assert 0.0 < line["propensity"] <= 1.0
    sessions = [list(rows) for _, rows in groupby(lines, key=lambda line: line["session"])]
    assert len(sessions) == 200
    for session in sessions:
        assert session[0]["time"] == 1.0
        assert [line["message"] for line in session] == ["next"] * (len(session) - 1) + ["last"]


def test_two_runs_write_the_same_bytes(make_world: MakeWorld, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_log(make_world(), tmp_path / name, 200, 30.0)
    one, two = (tmp_path / name / "data.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("days", [30.0, 0.001])
def test_a_users_events_are_in_time_order_and_sessions_never_overlap(
    make_world: MakeWorld, tmp_path: Path, days: float
) -> None:
    """Also where so many sessions fall into so short a time that they must queue."""
    lines = write_log(make_world(n_users=4), tmp_path, 300, days)
    assert min(line["timestamp"] for line in lines) >= 1_000_000
    for user in {line["user"] for line in lines}:
        mine = sorted(
            (line for line in lines if line["user"] == user), key=lambda line: line["timestamp"]
        )
        assert all(a["timestamp"] < b["timestamp"] for a, b in pairwise(mine))
        # Sessions in time order are runs without a gap: none begins inside another.
        runs = [name for name, _ in groupby(mine, key=lambda line: line["session"])]
        assert len(runs) == len(set(runs))
        assert runs == sorted(runs, key=int)


def test_sessions_are_spread_over_the_days_asked_for(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    lines = write_log(make_world(n_users=200), tmp_path, 500, 10.0)
    starts = [line["timestamp"] for line in lines if line["message"] == "next"]
    days = {(start - 1_000_000) // DAY_MS for start in starts}
    assert days == set(range(10))


def test_no_episodes_are_refused(make_world: MakeWorld) -> None:
    with pytest.raises(InputError, match="no episodes to play"):
        play(make_world(), Random(Streams(1)), seed=1, episodes=range(0))


def test_the_summary_is_what_the_events_say(make_world: MakeWorld) -> None:
    summary, events = record(make_world(), Random(Streams(3)), 400, 32)
    steps = np.bincount(events.episodes) - 1
    rewards = np.bincount(events.episodes, weights=events.times) - 1.0
    assert summary.sessions == 400
    assert summary.mean_steps == pytest.approx(steps.mean())
    assert summary.mean_reward == pytest.approx(rewards.mean())
    assert summary.mean_session_time == pytest.approx(1 + rewards.mean())
    assert summary.reward_error == pytest.approx(rewards.std(ddof=1) / np.sqrt(400))
    assert summary.steps_error == pytest.approx(steps.std(ddof=1) / np.sqrt(400))


def test_progress_counts_every_session_once(make_world: MakeWorld) -> None:
    ended: list[int] = []
    play(
        make_world(),
        Random(Streams(1)),
        seed=1,
        episodes=range(123),
        batch=10,
        progress=lambda some: ended.append(len(some.episodes)),
    )
    assert sum(ended) == 123


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text("precious\n")
    clock = Clock(0, 1.0, 1, np.arange(3))
    with pytest.raises(InputError, match="is there already"):
        JsonLog(tmp_path, "random", clock)
    assert (tmp_path / "data.json").read_text() == "precious\n"
