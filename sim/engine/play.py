"""Plays sessions in lockstep against an agent that answers in process."""

from collections.abc import Callable

import numpy as np

from sim.agent import Agent, Answer, Turn
from sim.arrays import Ints
from sim.engine.events import Recorder
from sim.engine.sessions import EndedSessions, Sessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

# Large enough that many sessions share the cost of a round in Python, small
# enough that their state stays in the processor's cache.
BATCH = 2048


def play(
    world: World,
    agent: Agent,
    *,
    seed: int,
    episodes: range | Ints,
    batch: int = BATCH,
    recorder: Recorder | None = None,
    progress: Callable[[EndedSessions], object] = lambda ended: None,
) -> Summary:
    """Play sessions against an agent, in process.

    The outcome of a session depends on (seed, episode) and the agent's answers
    alone, not on `batch`.

    Parameters
    ----------
    world : World
    agent : Agent
        What recommends, such as one of `create_agent`.
    seed : int
        0 <= seed < 2**64.
    episodes : range or int64 array
        Numbers of the sessions to play, from 0; 1 or more.
    batch : int
        Most sessions in flight at once.
    recorder : Recorder, optional
        Receives every event.
    progress : callable, optional
        Receives the `EndedSessions` that just ended.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If there are no episodes, or an answer is no track of the world.

    Examples
    --------
    >>> from sim import GeneratorOptions, Streams, create_agent, generate, play
    >>> world, _ = generate(GeneratorOptions(n_users=50, n_tracks=400), seed=1)
    >>> agent = create_agent("random", world, Streams(1))
    >>> summary = play(world, agent, seed=1, episodes=range(100))
    >>> summary.sessions
    100
    >>> summary == play(world, agent, seed=1, episodes=range(100), batch=7)
    True
    """
    if not len(episodes):
        raise InputError("no episodes to play: ask for 1 or more")
    slots = min(batch, len(episodes))
    sessions = Sessions(world, slots, Streams(seed))
    summary = Summary()
    agent.begin(world, slots)

    played = 0
    live, free = np.empty(0, dtype=np.int64), np.arange(slots)
    while True:
        started = np.asarray(episodes[played : played + len(free)], dtype=np.int64)
        if len(started):
            sessions.start(free[: len(started)], started)
            live = np.sort(np.concatenate([live, free[: len(started)]]))
            free = free[len(started) :]
            played += len(started)
        if not len(live):
            return summary
        turn = sessions.turn(live)
        answer = agent.recommend(turn)
        _check(answer, turn, len(world.catalog))
        if recorder is not None:
            recorder.record_next(turn, answer)
        sessions.listen(live, answer.tracks)

        over = sessions.budget[live] <= 0
        if over.any():
            slots_over = live[over]
            turn, ended = sessions.turn(slots_over), sessions.ended(slots_over)
            agent.end(turn)
            if recorder is not None:
                recorder.record_last(turn)
            summary = summary.add(ended.rewards, ended.steps)
            live, free = live[~over], np.concatenate([free, slots_over])
            progress(ended)


def _check(answer: Answer, turn: Turn, n_tracks: int) -> None:
    unknown = (answer.tracks < 0) | (answer.tracks >= n_tracks)
    if unknown.any():
        at = int(np.flatnonzero(unknown)[0])
        raise InputError(
            f"user {turn.users[at]} was answered track {answer.tracks[at]}, but "
            f"this world has tracks 0 to {n_tracks - 1}"
        )
