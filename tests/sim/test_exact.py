"""The engine against a listener written down a second time, one session and step at a time."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.agents.base import Answer, Turn
from sim.engine import play
from sim.events import Events, Recorder, concatenate
from sim.sessions import Sessions
from sim.streams import LISTENER, Streams
from sim.world import World

MakeWorld = Callable[..., World]
Respond = Callable[[int, int, int], int]


class ScalarListener:
    """Written from the protocol alone; only the random numbers are the engine's.

    Draw 0 of a session gives user and interest, draw 1 the first track, and
    draw 2 + n whether step n (from 0) costs patience: it does where the
    uniform is not below the time.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.streams = Streams(seed)
        self.artist = [world.catalog.artist(t) for t in range(len(world.catalog))]
        self.e = [[float(x) for x in row] for row in world.embeddings]
        users = world.users
        self.users = [
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

    def uniforms(self, episode: int, draw: int) -> tuple[float, float]:
        first, second = self.streams.uniforms(LISTENER, np.array([episode]), draw)
        return float(first[0]), float(second[0])

    def inner(self, a: int, b: int) -> float:
        return sum(x * y for x, y in zip(self.e[a], self.e[b], strict=True))

    def session(self, episode: int, respond: Respond) -> list[tuple[Any, ...]]:
        """Rows (user, track, time, recommended track or None, budget before the answer)."""
        who, what = self.uniforms(episode, 0)
        where, _ = self.uniforms(episode, 1)
        user = self.users[int(who * len(self.users))]
        taste = user["interests"][int(what * len(user["interests"]))]
        by_nearness = sorted(range(len(self.e)), key=lambda t: (-self.inner(t, taste), t))
        near = by_nearness[: user["neighbours"]]
        track, time, budget = near[int(where * len(near))], 1.0, user["budget"]
        played, rows, step = [track], [], 0
        while budget > 0:
            answer = respond(episode, step, track)
            rows.append((user["id"], track, time, answer, budget))
            if answer in played:
                time = 0.0
            else:
                k = sum(self.artist[t] == self.artist[answer] for t in played)
                logit = (self.inner(answer, taste) - user["bias"]) * user["sharpness"]
                time = round(1 / (1 + math.exp(-logit)) * user["gamma"] ** k, 2)
            if self.uniforms(episode, 2 + step)[0] >= time:  # with probability 1 - time
                budget -= 1
            played.append(answer)
            track, step = answer, step + 1
        return [*rows, (user["id"], track, time, None, 0)]


class Replies:
    """Answers with respond(episode, step, last track)."""

    name = "replies"
    one_session_per_user = False

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


def rows_of(world: World, respond: Respond, seed: int, n: int) -> list[tuple[Any, ...]]:
    parts: list[Events] = []
    recorder = Recorder(parts.append)
    play(world, Replies(respond), seed=seed, episodes=range(n), batch=64, recorder=recorder)
    recorder.flush()
    events = concatenate(parts)
    return [
        (episode, user, track, time, answer if answer >= 0 else None)
        for episode, user, track, time, answer in zip(
            events.episodes.tolist(),
            events.users.tolist(),
            events.tracks.tolist(),
            events.times.tolist(),
            events.recommendations.tolist(),
            strict=True,
        )
    ]


RESPONSES: dict[str, Callable[[World], Respond]] = {
    "any track": lambda world: lambda e, s, t: scattered(e, s, t) % len(world.catalog),
    "the same track again": lambda world: lambda e, s, t: t,
    "two tracks in turn": lambda world: lambda e, s, t: (e + s % 2) % len(world.catalog),
    "one artist only": lambda world: (
        lambda e, s, t: (mine := world.catalog.by_artist[1][: world.catalog.by_artist[0][1]])[
            s % len(mine)
        ]
    ),
    "the catalog in order": lambda world: lambda e, s, t: (t + 1) % len(world.catalog),
}


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
    respond = RESPONSES[answers](world)
    listener = ScalarListener(world, seed=99)
    n = 120
    expected = [
        (episode, *row[:4]) for episode in range(n) for row in listener.session(episode, respond)
    ]
    assert rows_of(world, respond, 99, n) == expected


def test_they_agree_on_sessions_of_hundreds_of_steps(make_world: MakeWorld) -> None:
    world = make_world(
        n_tracks=600,
        n_artists=300,
        consume_bias=-4.0,
        session_budget=30,
        artist_discount_gamma=0.99,
    )
    respond = RESPONSES["any track"](world)
    listener = ScalarListener(world, seed=5)
    sessions = [listener.session(episode, respond) for episode in range(30)]
    assert sorted(map(len, sessions))[15] > 100
    assert rows_of(world, respond, 5, 30) == [
        (episode, *row[:4]) for episode, rows in enumerate(sessions) for row in rows
    ]


def test_the_budget_is_the_same_before_every_answer(make_world: MakeWorld) -> None:
    world = make_world()
    respond = RESPONSES["any track"](world)
    listener = ScalarListener(world, seed=7)
    one = np.array([0])
    for episode in range(100):
        sessions = Sessions(world, 1, Streams(7))
        sessions.start(one, np.array([episode]))
        for _, track, time, answer, budget in listener.session(episode, respond):
            assert (sessions.track[0], sessions.time[0], sessions.budget[0]) == (
                track,
                time,
                budget,
            )
            if answer is not None:
                sessions.listen(one, np.array([answer]))


def test_tracks_that_tie_are_taken_by_the_smaller_id(make_world: MakeWorld) -> None:
    world = make_world(interest_neighbours=3, consume_bias=0.0)
    # Whole numbers: sums are exact, so that equal means equal.
    world.embeddings[:] = np.random.default_rng(0).integers(0, 2, world.embeddings.shape)
    respond = RESPONSES["any track"](world)
    listener = ScalarListener(world, seed=11)
    expected = [
        (episode, *row[:4]) for episode in range(300) for row in listener.session(episode, respond)
    ]
    assert rows_of(world, respond, 11, 300) == expected


@pytest.mark.parametrize("gamma", [0.5, 0.005, 0.015, 0.145, 0.285, 0.995])
def test_times_next_to_a_half_of_a_hundredth_round_as_python_does(
    make_world: MakeWorld, gamma: float
) -> None:
    """Tracks that are certain to be heard in full leave powers of gamma to be rounded."""
    world = make_world(
        consume_bias=-50.0, n_artists=1, artist_discount_gamma=gamma, session_budget=3
    )
    respond = RESPONSES["the catalog in order"](world)
    listener = ScalarListener(world, seed=13)
    expected = [
        (episode, *row[:4]) for episode in range(100) for row in listener.session(episode, respond)
    ]
    assert rows_of(world, respond, 13, 100) == expected
