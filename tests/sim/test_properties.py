"""What holds of every run: any world, seed and batch, whoever answers."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from sim.agents.base import Agent, Answer, Turn
from sim.agents.oracle import Oracle
from sim.agents.policies import TOP, Contextual, Indexed, Policy, Random, StickyArtist, TopPop
from sim.clock import Clock
from sim.engine import play
from sim.events import Events, Recorder
from sim.log import JsonLog
from sim.log_parquet import ParquetLog
from sim.sessions import Ended, Sessions
from sim.streams import Streams
from sim.world import World

AnyWorld = Callable[[int], World]
MakeWorld = Callable[..., World]

POLICIES = ["random", "top_pop", "sticky_artist", "contextual", "indexed"]
START_MS = 1_767_225_600_000


class Lists(NamedTuple):
    """What the policies read, as lists without padding; some are empty."""

    top: list[int]
    mine: list[list[int]]
    near: list[list[int]]


def lists_of(world: World, seed: int, longest: int = 8) -> Lists:
    rng = np.random.default_rng(seed)
    n = len(world.catalog)

    def some(length: int) -> list[int]:
        tracks: list[int] = rng.permutation(n)[:length].tolist()
        return tracks

    lengths = rng.integers(0, longest, len(world.users) + n)
    return Lists(
        some(1 + int(rng.integers(longest))),
        [some(length) for length in lengths[: len(world.users)]],
        [some(length) for length in lengths[len(world.users) :]],
    )


def padded(lists: Sequence[Sequence[int]]) -> "np.ndarray[Any, np.dtype[np.int32]]":
    out = np.full((len(lists), max(1, *map(len, lists))), -1, dtype=np.int32)
    for row, tracks in zip(out, lists, strict=True):
        row[: len(tracks)] = tracks
    return out


def make(name: str, seed: int, lists: Lists) -> Agent:
    streams, top = Streams(seed), np.array(lists.top, dtype=np.int32)
    match name:
        case "random":
            return Random(streams)
        case "top_pop":
            return TopPop(streams, top)
        case "sticky_artist":
            return StickyArtist(streams)
        case "contextual":
            return Contextual(streams, padded(lists.near))
        case "indexed":
            return Indexed(streams, padded(lists.mine), top)
        case "oracle":
            return Oracle()
        case _:
            return Anything(seed, len(lists.near))


class Anything(Policy):
    """Any track, played before or not: so that sessions meet repeats at every place."""

    name, sources = "anything", ("anything",)

    def __init__(self, seed: int, n_tracks: int) -> None:
        self._rng, self._n_tracks = np.random.default_rng(seed), n_tracks

    def recommend(self, turn: Turn) -> Answer:
        return Answer(self._rng.integers(0, self._n_tracks, len(turn.slots)))


class Watched:
    """Passes everything on to an agent, and checks that what it is asked makes sense."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self.name, self.sources = agent, agent.name, agent.sources
        self._next_step: dict[int, int] = {}
        self.ended: set[int] = set()

    def begin(self, world: World, slots: int) -> None:
        self._slots = slots
        self._agent.begin(world, slots)

    def recommend(self, turn: Turn) -> Answer:
        assert 0 < len(turn.slots) <= self._slots
        self._check(turn)
        return self._agent.recommend(turn)

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
    any_world: AnyWorld, number: int, name: str, seed: int, batch: int, first: int
) -> None:
    world, recorder = any_world(number), Recorder()
    agent = Watched(make(name, seed, lists_of(world, number)))
    ends: list[Ended] = []
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


@settings(examples, max_examples=30)
@given(numbers, st.sampled_from(POLICIES), seeds, st.sampled_from([0.001, 3.0]), st.booleans())
def test_both_logs_hold_the_events_and_nothing_else(
    any_world: AnyWorld, number: int, name: str, seed: int, days: float, at_once: bool
) -> None:
    world, recorder = any_world(number), Recorder()
    agent = make(name, seed, lists_of(world, number))
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


Offer = tuple[str, int, float]


def offers(
    name: str, world: World, lists: Lists, row: int, history: list[int]
) -> dict[int, Offer]:
    """Recommender, rank and probability of each track that the service may answer.

    botify/next.lua and botify/recommenders in plain words: the first step of
    the plan that has a track answers; ranks count places in lists from 0.
    """

    def unseen(tracks: list[int]) -> list[tuple[int, int]]:
        return [(track, rank) for rank, track in enumerate(tracks) if track not in history]

    steps: list[tuple[str, list[tuple[int, int]]]] = []
    match name:
        case "top_pop":
            steps = [("top_pop", unseen(lists.top[:TOP]))]
        case "sticky_artist":
            artists = world.catalog.artist_of
            same = unseen(np.flatnonzero(artists == artists[history[-1]]).tolist())
            steps = [("sticky_artist", [(track, -1) for track, _ in same])]
        case "contextual":
            near = enumerate(lists.near[history[-1]])
            steps = [("contextual", [(track, rank) for rank, track in near])]
        case "indexed":
            steps = [
                ("indexed", unseen(lists.mine[row])[:1]),
                ("top_pop", unseen(lists.top[:TOP])[:1]),
            ]
    everything = list(range(len(world.catalog)))
    any_unseen = [(track, -1) for track, _ in unseen(everything)]
    steps += [("random", any_unseen), ("random", [(track, -1) for track in everything])]
    who, tracks = next(step for step in steps if step[1])
    return {track: (who, rank, 1 / len(tracks)) for track, rank in tracks}


class Compared:
    """Passes on to a policy, and compares each answer with what the service may answer."""

    def __init__(self, policy: Agent, world: World, lists: Lists) -> None:
        self._policy, self._world, self._lists = policy, world, lists
        self.name, self.sources = policy.name, policy.sources
        self.begin, self.end = policy.begin, policy.end
        # How often each place among the tracks that could be answered was, by their number.
        self.places: defaultdict[tuple[str, int], Counter[int]] = defaultdict(Counter)

    def recommend(self, turn: Turn) -> Answer:
        answer = self._policy.recommend(turn)
        assert answer.ranks is not None
        assert answer.propensities is not None
        assert answer.sources is not None
        for i, track in enumerate(answer.tracks.tolist()):
            history = turn.played(i).tolist()
            possible = offers(self.name, self._world, self._lists, int(turn.user_rows[i]), history)
            assert sum(chance for _, _, chance in possible.values()) == pytest.approx(1.0)
            who = self.sources[answer.sources[i]]
            assert (who, answer.ranks[i], answer.propensities[i]) == possible[track]
            self.places[who, len(possible)][list(possible).index(track)] += 1
        return answer


@examples
@given(numbers, st.sampled_from(POLICIES), seeds)
def test_policies_answer_what_the_service_may_answer(
    any_world: AnyWorld, number: int, name: str, seed: int
) -> None:
    """Recommender, rank and propensity, in every state that sessions come to."""
    world = any_world(number)
    lists = lists_of(world, number)
    agent = Compared(make(name, seed, lists), world, lists)
    play(world, agent, seed=seed, episodes=range(30), batch=8)
    assert agent.places


WHO = {
    "random": {"random"},
    "top_pop": {"top_pop", "random"},
    "sticky_artist": {"sticky_artist", "random"},
    "indexed": {"indexed", "top_pop", "random"},
}


@pytest.mark.parametrize("name", WHO)
def test_sessions_that_outlast_the_lists_go_on(make_world: MakeWorld, name: str) -> None:
    """The popular end at the hundredth, a user's list does not; then chance, then all again."""
    world = make_world(n_tracks=180, n_artists=2, consume_bias=-9.0, artist_discount_gamma=1.0)
    lists = lists_of(world, 1, longest=150)
    agent = Compared(make(name, 3, lists), world, lists)
    play(world, agent, seed=3, episodes=range(60), batch=32)
    assert {who for who, _ in agent.places} == WHO[name]
    assert ("random", 180) in agent.places


@pytest.mark.parametrize("name", ["random", "top_pop", "sticky_artist", "contextual"])
def test_tracks_are_answered_as_often_as_their_propensity_says(
    make_world: MakeWorld, name: str
) -> None:
    """Also after many plays, and by the fallbacks: wherever something is drawn."""
    world = make_world(n_tracks=24, n_artists=4, n_users=10, consume_bias=-1.0, session_budget=6)
    lists = lists_of(world, 5)
    agent = Compared(make(name, 11, lists), world, lists)
    play(world, agent, seed=11, episodes=range(3_000), batch=512)
    statistic, freedom = 0.0, 0
    for (_, possible), counts in agent.places.items():
        if possible > 1 and counts.total() >= 10 * possible:
            statistic += chisquare([counts[place] for place in range(possible)]).statistic
            freedom += possible - 1
    assert freedom > 15
    # Roughly normal, with mean `freedom` and variance twice that.
    assert abs(statistic - freedom) < 3.5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("name", POLICIES)
def test_the_first_answer_comes_as_often_as_its_propensity_says(
    make_world: MakeWorld, name: str
) -> None:
    """One state, very many sessions: the frequency of each answer against what is stated."""
    n = 40_000
    world = make_world(n_users=1, n_tracks=15, n_artists=3, interest_neighbours=1)
    world.users.interests[:] = world.users.interests[0]
    lists = lists_of(world, 2)
    agent, sessions = make(name, 13, lists), Sessions(world, n, Streams(13))
    agent.begin(world, n)
    sessions.start(np.arange(n), np.arange(n))
    answer = agent.recommend(sessions.turn(np.arange(n)))
    assert answer.propensities is not None
    tracks, first, counts = np.unique(answer.tracks, return_index=True, return_counts=True)
    stated = answer.propensities[first]
    assert stated.sum() == pytest.approx(1.0)
    if len(tracks) > 1:
        assert chisquare(counts, n * stated).pvalue > 0.001
