"""The engine against a listener written down a second time, one session and step at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import chisquare

from sim.agent import Agent, Answer, Turn
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.engine.events import Events, Recorder
from sim.engine.parallel import play_blocks
from sim.engine.play import play
from sim.engine.sessions import Sessions
from sim.rng import LISTENER, Streams
from sim.world import World

MakeWorld = Callable[..., World]
AnyWorld = Callable[[int], World]
Respond = Callable[[int, int, int], int]


class Row(NamedTuple):
    """A play and what was answered to it, None for the last one; `budget`: before the answer."""

    user: int
    track: int
    time: float
    answer: int | None
    budget: int


class ScalarListener:
    """Written from the protocol alone; only the random numbers are the engine's.

    Draw 0 of a session gives user and interest, draw 1 the first track, and
    draw 2 + n whether step n (from 0) costs patience: it does where the
    uniform is not below the time. Hype, which the protocol does not know, adds
    to e_t · e_i.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.streams = Streams(seed)
        self.artist = [world.catalog.artist(t) for t in range(len(world.catalog))]
        self.e: list[list[float]] = world.embeddings.astype(float).tolist()
        self.hype = world.hype.tolist()
        users = world.users
        self.users: list[dict[str, Any]] = [
            {
                "id": int(users.ids[u]),
                "interests": users.interests[users.bounds[u] : users.bounds[u + 1]].tolist(),
                "bias": float(users.consume_bias[u]),
                "sharpness": float(users.consume_sharpness[u]),
                "neighbours": int(users.interest_neighbours[u]),
                "budget": int(users.session_budget[u]),
                "gamma": float(users.artist_discount_gamma[u]),
            }
            for u in range(len(users))
        ]
        self.known: dict[int, list[float]] = {}

    def inner(self, i: int) -> list[float]:
        """e_t · e_i for every track t, each the exact sum rounded once."""
        if i not in self.known:
            self.known[i] = [
                math.fsum(x * y for x, y in zip(e, self.e[i], strict=True)) for e in self.e
            ]
        return self.known[i]

    def session(self, episode: int, answers: Sequence[int]) -> list[Row]:
        """A session that is given these answers: all of them and no more."""
        draws = np.arange(2 + len(answers))
        first, second = self.streams.uniforms(LISTENER, np.full(len(draws), episode), draws)
        user = self.users[int(first[0] * len(self.users))]
        i = user["interests"][int(second[0] * len(user["interests"]))]
        inner = self.inner(i)
        by_nearness = sorted(range(len(self.e)), key=lambda t: (-inner[t], t))
        near = by_nearness[: user["neighbours"]]
        track, time, budget = near[int(first[1] * len(near))], 1.0, user["budget"]
        played, rows = [track], []
        while budget > 0:
            answer = answers[len(rows)]
            rows.append(Row(user["id"], track, time, answer, budget))
            if answer in played:
                time = 0.0
            else:
                k = sum(self.artist[t] == self.artist[answer] for t in played)
                logit = (inner[answer] + self.hype[answer] - user["bias"]) * user["sharpness"]
                time = round(sigmoid(logit) * user["gamma"] ** k, 2)
            if first[1 + len(rows)] >= time:  # with probability 1 - time
                budget -= 1
            played.append(answer)
            track = answer
        return [*rows, Row(user["id"], track, time, None, 0)]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0  # beyond, exp is more than a float holds


def assert_agrees(world: World, seed: int, events: Events) -> None:
    """Each session of the events is, row by row, what the scalar listener makes of its answers."""
    listener = ScalarListener(world, seed)
    columns = zip(
        events.users.tolist(),
        events.tracks.tolist(),
        events.times.tolist(),
        [answer if answer >= 0 else None for answer in events.recommendations.tolist()],
        strict=True,
    )
    found: dict[int, list[tuple[Any, ...]]] = {}
    for episode, row in zip(events.episodes.tolist(), columns, strict=True):
        found.setdefault(episode, []).append(row)
    for episode, rows in found.items():
        answers = [row[-1] for row in rows[:-1]]
        assert rows == [row[:4] for row in listener.session(episode, answers)]


class Replies:
    """Answers with respond(episode, step, last track)."""

    name = "replies"
    sources = ("replies",)

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    def begin(self, world: World, slots: int) -> None:
        pass

    def recommend(self, turn: Turn) -> Answer:
        asked = zip(turn.episodes.tolist(), turn.steps.tolist(), turn.tracks.tolist(), strict=True)
        return Answer(np.array([self.respond(*some) for some in asked]))

    def end(self, turn: Turn) -> None:
        pass


def scattered(episode: int, step: int, track: int) -> int:
    return (episode * 2654435761 + step * 40503 + track * 97) % 1_000_003


def any_track(world: World) -> Respond:
    return lambda e, s, t: scattered(e, s, t) % len(world.catalog)


def one_artist(world: World) -> Respond:
    mine = np.flatnonzero(world.catalog.artist_of == world.catalog.artist_of[0])
    return lambda e, s, t: int(mine[s % len(mine)])


RESPONSES: dict[str, Callable[[World], Respond]] = {
    "any track": any_track,
    "the same track again": lambda world: lambda e, s, t: t,
    "two tracks in turn": lambda world: lambda e, s, t: (e + s % 2) % len(world.catalog),
    "one artist only": one_artist,
    "the catalog in order": lambda world: lambda e, s, t: (t + 1) % len(world.catalog),
}


def events_of(world: World, agent: Agent, seed: int, episodes: range, batch: int = 64) -> Events:
    recorder = Recorder()
    play(world, agent, seed=seed, episodes=episodes, batch=batch, recorder=recorder)
    events = recorder.events()
    assert events.episodes[events.is_last].tolist() == list(episodes)
    return events


@pytest.mark.parametrize("answers", RESPONSES)
@pytest.mark.parametrize(
    "traits",
    [
        {},
        {"session_budget": 1},
        {"artist_discount_gamma": 0.0},
        {"artist_discount_gamma": 1.0, "interest_neighbours": 1},
        {"interest_neighbours": 1_000},
    ],
    ids=["all traits drawn", "budget 1", "gamma 0", "gamma 1", "all tracks near"],
)
def test_engine_and_scalar_listener_agree_step_by_step(
    make_world: MakeWorld, traits: dict[str, Any], answers: str
) -> None:
    world = make_world(seed=len(answers), **traits)
    agent = Replies(RESPONSES[answers](world))
    assert_agrees(world, 99, events_of(world, agent, 99, range(120)))


@pytest.mark.parametrize("block", range(6))
def test_they_agree_in_any_world_batch_seed_and_episode(any_world: AnyWorld, block: int) -> None:
    """Worlds of up to 64 dimensions, ties, hype, extreme traits, episodes beyond 32 bits."""
    for number in range(25 * block, 25 * block + 25):
        rng = np.random.default_rng(number)
        world, seed = any_world(number), int(rng.integers(2**64, dtype=np.uint64))
        first = int(rng.choice([0, 2**32 - 20, 2**62]))
        batch = int(rng.choice([1, 2, 7, 64, 2048]))
        agents: list[Agent] = [
            Replies(any_track(world)),
            Policy("sticky_artist_unseen", Streams(seed)),
            Oracle(),
        ]
        episodes = range(first, first + 40)
        assert_agrees(world, seed, events_of(world, agents[number % 3], seed, episodes, batch))


@pytest.mark.parametrize("batch", [1, 9, 64])
def test_they_agree_on_sessions_of_hundreds_of_steps(make_world: MakeWorld, batch: int) -> None:
    world = make_world(
        n_tracks=2_000,
        n_artists=1_000,
        consume_bias=-9.0,
        session_budget=40,
        artist_discount_gamma=0.99,
    )
    events = events_of(world, Replies(any_track(world)), 5, range(30), batch)
    assert np.median(np.bincount(events.episodes)) > 200
    assert_agrees(world, 5, events)


def test_they_agree_on_a_catalog_of_thousands_in_64_dimensions(make_world: MakeWorld) -> None:
    world = make_world(n_users=15, n_tracks=2_500, n_artists=100, interest_neighbours=40)
    rng = np.random.default_rng(2)
    wide = rng.normal(scale=0.4, size=(2_500, 64)).astype(np.float32)
    world = replace(world, embeddings=wide)
    for agent in (Policy("random_unseen", Streams(8)), Oracle()):
        assert_agrees(world, 8, events_of(world, agent, 8, range(400)))


@pytest.mark.parametrize("answers", ["any track", "two tracks in turn", "one artist only"])
def test_the_state_is_the_same_before_every_answer(any_world: AnyWorld, answers: str) -> None:
    """What the agent is told, the budget and the reward so far."""
    one = np.array([1])  # the second of three slots: the others must not be touched
    for number in range(200, 250):
        world = any_world(number)
        listener, respond = ScalarListener(world, 7), RESPONSES[answers](world)
        sessions = Sessions(world, 3, Streams(7))
        for episode in range(4):
            sessions.start(one, np.array([episode]))
            states: list[Any] = []
            given: list[int] = []
            while True:
                turn = sessions.turn(one)
                assert turn.slots.tolist() == [1]
                assert (turn.episodes[0], turn.steps[0]) == (episode, len(given))
                said = int(turn.users[0]), int(turn.tracks[0]), float(turn.times[0])
                budget, reward = int(sessions.budget[1]), float(sessions.reward[1])
                artists = turn.artists[1, : len(given) + 1]
                names = [world.catalog.artists[artist] for artist in artists]
                played = turn.played(0).tolist()
                states.append((said, budget, reward, played, names, int(turn.distinct[0])))
                if budget == 0:
                    break
                given.append(respond(episode, len(given), said[1]))
                sessions.listen(one, np.array(given[-1:]))
            expected, heard, reward = [], [], -1.0  # the first play is no reward
            for row in listener.session(episode, given):
                heard.append(row.track)
                reward += row.time
                names = [listener.artist[track] for track in heard]
                expected.append((row[:3], row.budget, reward, [*heard], names, len(set(heard))))
            assert states == expected
            ended = sessions.ended(one)
            assert (ended.episodes[0], ended.steps[0]) == (episode, len(given))
            assert (ended.rewards[0], world.users.ids[ended.user_rows[0]]) == (
                reward,
                row.user,
            )
        for untouched in (sessions.episode + 1, sessions.steps, sessions.history):
            assert not untouched[[0, 2]].any()


def test_tracks_that_tie_are_taken_by_the_smaller_id(make_world: MakeWorld) -> None:
    world = make_world(interest_neighbours=3, consume_bias=0.0)
    # Whole numbers: sums are exact, so that equal means equal.
    world.embeddings[:] = np.random.default_rng(0).integers(0, 2, world.embeddings.shape)
    assert_agrees(world, 11, events_of(world, Replies(any_track(world)), 11, range(300)))


@pytest.mark.parametrize("gamma", [0.5, 0.005, 0.015, 0.145, 0.285, 0.995])
def test_discounts_next_to_a_half_of_a_hundredth_round_as_python_does(
    make_world: MakeWorld, gamma: float
) -> None:
    """Tracks that are certain to be heard in full leave powers of gamma to be rounded."""
    world = make_world(
        consume_bias=-50.0, n_artists=1, artist_discount_gamma=gamma, session_budget=3
    )
    agent = Replies(RESPONSES["the catalog in order"](world))
    assert_agrees(world, 13, events_of(world, agent, 13, range(100)))


def test_shares_next_to_a_half_of_a_hundredth_round_as_python_does(make_world: MakeWorld) -> None:
    """Every track has affinity 1; each user's bias puts the share at a half, or a hair away."""
    halves = [(k + 0.5) / 100 for k in range(100) for _ in range(3)]
    biases = 1 - np.log(halves) + np.log1p(-np.array(halves))
    biases += np.tile([-1e-15, 0.0, 1e-15], 100)
    world = make_world(
        n_users=300, consume_bias=biases, consume_sharpness=1.0, artist_discount_gamma=1.0
    )
    world = replace(world, embeddings=np.ones((60, 1), dtype=np.float32))
    events = events_of(world, Replies(any_track(world)), 17, range(1_500))
    assert len(np.unique(events.times)) > 95
    assert_agrees(world, 17, events)


@pytest.mark.parametrize("scale", [1e-10, 1e8, 1e14])
@pytest.mark.parametrize("bias", [-1e300, 0.0, 1e300])
@pytest.mark.parametrize("sharpness", [1e-300, 1.0, 1e300])
def test_they_agree_on_numbers_of_any_size(
    make_world: MakeWorld, scale: float, bias: float, sharpness: float
) -> None:
    world = make_world(consume_bias=bias, consume_sharpness=sharpness)
    world = replace(world, embeddings=world.embeddings * np.float32(scale))
    assert_agrees(world, 19, events_of(world, Replies(any_track(world)), 19, range(30)))


@pytest.mark.integration
def test_they_agree_over_several_processes(make_world: MakeWorld) -> None:
    world = make_world()
    agent = Policy("sticky_artist_unseen", Streams(23))
    parts = play_blocks(
        world, agent, seed=23, episodes=range(600), processes=3, batch=32, block=70, record=True
    )
    events = [part.events for part in parts if part.events is not None]
    joined = Events(*(np.concatenate(column) for column in zip(*events, strict=True)))
    assert joined.episodes[joined.is_last].tolist() == list(range(600))
    assert_agrees(world, 23, joined)


def test_user_interest_and_first_track_are_drawn_uniformly_and_apart(
    make_world: MakeWorld,
) -> None:
    """Counts of all 4 x 5 x 3 combinations."""
    n = 60_000
    world = make_world(n_users=4, n_tracks=30, interest_neighbours=3)
    interests = np.random.default_rng(1).permutation(30)[:20]
    users = replace(world.users, bounds=np.arange(0, 21, 5), interests=interests)
    sessions = Sessions(replace(world, users=users), n, Streams(29))
    sessions.start(np.arange(n), np.arange(n))
    drawn = np.stack([sessions.user_row, sessions.taste, sessions.track])
    kinds, counts = np.unique(drawn, axis=1, return_counts=True)
    assert kinds.shape[1] == 60
    assert chisquare(counts).pvalue > 0.001


def test_patience_is_lost_as_often_as_a_track_is_not_heard(make_world: MakeWorld) -> None:
    n = 30_000
    world = make_world(n_users=200, session_budget=1_000)
    sessions = Sessions(world, n, Streams(31))
    slots, rng = np.arange(n), np.random.default_rng(0)
    sessions.start(slots, slots)
    for _ in range(3):
        before = sessions.budget.copy()
        sessions.listen(slots, rng.integers(0, 60, n))
        lost, time = before - sessions.budget, sessions.time
        assert set(lost.tolist()) == {0, 1}
        assert (lost[time == 0.0] == 1).all()
        assert (lost[time == 1.0] == 0).all()
        for low in np.arange(0.0, 1.0, 0.1):
            some = (time > low) & (time <= low + 0.1)
            spread = np.sqrt((time[some] * (1 - time[some])).sum())
            assert abs((lost[some] - (1 - time[some])).sum()) < 4 * spread + 1e-9
