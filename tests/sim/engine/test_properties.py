"""What holds of every run: any world, seed and batch, whoever answers."""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.chain_presets import PRESETS
from sim.agent import Agent, Answer, Turn
from sim.agents.policies import Policy
from sim.engine.events import Events, Recorder
from sim.engine.play import play
from sim.engine.sessions import EndedSessions, Sessions
from sim.errors import InputError
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog
from sim.logs.parquet_log import ParquetLog
from sim.rng import Streams
from sim.world import World

AnyWorld = Callable[[int], World]
MakeWorld = Callable[..., World]
MakeLists = Callable[..., Any]
MakeAgent = Callable[[str, int, Any], Agent]

POLICIES = list(PRESETS)
START_MS = 1_767_225_600_000


class Watched:
    """Passes everything on to an agent, and checks that what it is asked makes sense."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self.name, self.sources = agent, agent.name, agent.sources
        self._next_step: dict[int, int] = {}
        self.ended: set[int] = set()
        # By episode and step: track, rank, propensity and source, as the log has them.
        self.answered: dict[tuple[int, int], tuple[int, int, float, int]] = {}

    def begin(self, world: World, slots: int) -> None:
        self._slots = slots
        self._agent.begin(world, slots)

    def recommend(self, turn: Turn) -> Answer:
        assert 0 < len(turn.slots) <= self._slots
        self._check(turn)
        answer = self._agent.recommend(turn)
        n = len(turn.slots)
        columns = (
            answer.tracks,
            np.full(n, -1) if answer.ranks is None else answer.ranks,
            np.full(n, np.nan) if answer.propensities is None else answer.propensities,
            np.zeros(n, dtype=int) if answer.sources is None else answer.sources,
        )
        asked = zip(turn.episodes.tolist(), turn.steps.tolist(), strict=True)
        given = zip(*(column.tolist() for column in columns), strict=True)
        self.answered.update(zip(asked, given, strict=True))
        return answer

    def end(self, turn: Turn) -> None:
        self._check(turn)
        self.ended.update(turn.episodes.tolist())
        self._agent.end(turn)

    def _check(self, turn: Turn) -> None:
        """No two sessions in one slot; each has its next step, and none after its end."""
        assert len(set(turn.slots.tolist())) == len(turn.slots)
        for episode, step in zip(turn.episodes.tolist(), turn.steps.tolist(), strict=True):
            assert episode not in self.ended
            assert step == self._next_step.get(episode, 0)
            self._next_step[episode] = step + 1


def sessions_of(events: Events) -> list[list[int]]:
    """Places of each session's events."""
    places = range(len(events.episodes))
    return [list(some) for _, some in groupby(places, key=events.episodes.tolist().__getitem__)]


examples = settings(derandomize=True, deadline=None, max_examples=60)
numbers = st.integers(0, 10_000)
agents = st.sampled_from([*POLICIES, "oracle", "anything"])
seeds = st.integers(0, 2**64 - 1)


@examples
@given(numbers, agents, seeds, st.integers(1, 50), st.integers(0, 2**62))
def test_every_session_is_one_that_the_protocol_allows(
    any_world: AnyWorld,
    make_lists: MakeLists,
    make_agent: MakeAgent,
    number: int,
    name: str,
    seed: int,
    batch: int,
    first: int,
) -> None:
    world, recorder = any_world(number), Recorder()
    agent = Watched(make_agent(name, seed, make_lists(world, number)))
    ends: list[EndedSessions] = []
    summary = play(
        world,
        agent,
        seed=seed,
        episodes=range(first, first + 30),
        batch=batch,
        recorder=recorder,
        progress=ends.append,
    )
    assert agent.ended == set(range(first, first + 30))
    events = recorder.events()
    assert len(events.episodes) == summary.steps + summary.sessions
    assert ((events.times >= 0.0) & (events.times <= 1.0)).all()
    assert events.times.tolist() == [round(time, 2) for time in events.times.tolist()]
    assert_recorded(events, agent)
    sessions = sessions_of(events)
    assert [int(events.episodes[places[0]]) for places in sessions] == [*range(first, first + 30)]
    budgets = dict(zip(world.users.ids.tolist(), world.users.session_budget.tolist(), strict=True))
    ended = {
        episode: (reward, steps)
        for some in ends
        for episode, reward, steps in zip(
            some.episodes.tolist(), some.rewards.tolist(), some.steps.tolist(), strict=True
        )
    }
    for places in sessions:
        tracks, times = events.tracks[places].tolist(), events.times[places].tolist()
        assert events.steps[places].tolist() == list(range(len(places)))
        assert events.is_last[places].tolist() == [False] * (len(places) - 1) + [True]
        # What was recommended is what was played next.
        assert events.recommendations[places[:-1]].tolist() == tracks[1:]
        assert len(set(events.users[places].tolist())) == 1
        assert times[0] == 1.0
        repeats = [i for i in range(len(tracks)) if tracks[i] in tracks[:i]]
        assert all(times[i] == 0.0 for i in repeats)
        # A play of nothing always costs patience, one in full never; the last one did.
        budget = budgets[int(events.users[places[0]])]
        assert times.count(0.0) <= budget <= sum(time < 1.0 for time in times)
        assert times[-1] < 1.0
        reward, steps = ended.pop(int(events.episodes[places[0]]))
        assert (round(reward, 2), steps) == (round(sum(times[1:]), 2), len(places) - 1)
    assert not ended


def assert_recorded(events: Events, agent: Watched) -> None:
    """What was answered is in the events, each answer where it was given."""
    given = ~events.is_last
    fields = (events.recommendations, events.ranks, events.propensities, events.sources)
    asked = zip(events.episodes[given].tolist(), events.steps[given].tolist(), strict=True)
    values = zip(*(field[given].tolist() for field in fields), strict=True)
    # As texts: nan is not equal to itself.
    assert str(dict(zip(asked, values, strict=True))) == str(dict(sorted(agent.answered.items())))


@examples
@given(numbers, seeds, st.integers(1, 30))
def test_the_budget_falls_by_one_at_most_and_never_below_0(
    any_world: AnyWorld, number: int, seed: int, slots: int
) -> None:
    world, rng = any_world(number), np.random.default_rng(number)
    sessions, live = Sessions(world, slots, Streams(seed)), np.arange(slots)
    sessions.start(live, live)
    while len(live):
        before, resting = sessions.budget.copy(), np.setdiff1d(np.arange(slots), live)
        sessions.listen(live, rng.integers(0, len(world.catalog), len(live)))
        lost = before - sessions.budget
        assert set(lost.tolist()) <= {0, 1}
        assert not lost[resting].any()
        assert (sessions.budget >= 0).all()
        live = live[sessions.budget[live] > 0]


@pytest.mark.parametrize("track", [-1, 60])
def test_an_answer_just_beyond_the_catalog_is_no_track(make_world: MakeWorld, track: int) -> None:
    class Strange(Policy):
        def __init__(self) -> None:
            super().__init__("random", Streams(1))

        def recommend(self, turn: Turn) -> Answer:
            return Answer(np.full(len(turn.slots), track))

    with pytest.raises(InputError, match=f"was answered track {track}, .* tracks 0 to 59"):
        play(make_world(), Strange(), seed=1, episodes=range(5))


@settings(examples, max_examples=30)
@given(numbers, st.sampled_from(POLICIES), seeds, st.sampled_from([0.001, 3.0]), st.booleans())
def test_both_logs_hold_the_events_and_nothing_else(
    any_world: AnyWorld,
    make_lists: MakeLists,
    make_agent: MakeAgent,
    number: int,
    name: str,
    seed: int,
    days: float,
    at_once: bool,
) -> None:
    world, recorder = any_world(number), Recorder()
    agent = make_agent(name, seed, make_lists(world, number))
    play(world, agent, seed=seed, episodes=range(25), batch=4, recorder=recorder)
    events = recorder.events()
    stop = len(events.episodes)
    cuts = [0, stop] if at_once else [0, *np.flatnonzero(events.is_last)[:-1] + 1, stop]
    with TemporaryDirectory() as folder:
        for log_class in (JsonLog, ParquetLog):
            clock = Clock(START_MS, days, 25, world.users.ids)
            with log_class(Path(folder) / log_class.__name__, agent.sources, clock) as log:
                for low, high in pairwise(cuts):
                    log.write(Events(*(column[low:high] for column in events)))
        text = (Path(folder) / "JsonLog" / "data.json").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        table = pq.read_table(Path(folder) / "ParquetLog" / "data.parquet").to_pylist()
    expected = [
        {
            "message": "last" if answer < 0 else "next",
            "user": user,
            "track": track,
            "time": time,
            "latency": 0.0,
            "recommendation": None if answer < 0 else answer,
            "experiments": {},
            "session": str(episode),
            "recommender": None if answer < 0 else agent.sources[source],
            "rank": None if rank < 0 else rank,
            "propensity": None if answer < 0 else propensity,
        }
        for episode, _, user, track, time, answer, rank, propensity, source in zip(
            *(column.tolist() for column in events), strict=True
        )
    ]
    stamps = [row.pop("timestamp") for row in rows]
    assert rows == expected
    assert stamps == [row.pop("timestamp") for row in table]
    assert [row | {"experiments": json.loads(row["experiments"])} for row in table] == expected
    mine = defaultdict(list)
    for row, stamp in zip(rows, stamps, strict=True):
        mine[row["user"]].append(stamp)
    assert all(some == sorted(set(some)) for some in mine.values())
