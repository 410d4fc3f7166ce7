"""Plays sessions in lockstep against an agent that answers in process."""

from collections.abc import Callable

import numpy as np

from sim.agent import Agent, Answer, Ints, Turn
from sim.engine.events import Recorder
from sim.engine.sessions import Ended, Sessions
from sim.engine.summary import Summary
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

# Large enough that what a round costs in Python is shared by many sessions,
# small enough that their state stays in the processor's cache.
BATCH = 2048


def play(
    world: World,
    agent: Agent,
    *,
    seed: int,
    episodes: range | Ints,
    batch: int = BATCH,
    recorder: Recorder | None = None,
    progress: Callable[[Ended], object] = lambda ended: None,
) -> Summary:
    """Play `episodes` against `agent`, up to `batch` sessions in flight.

    The outcome depends on (seed, episode) and the agent's answers alone, not
    on `batch`. `recorder` receives every event, `progress` the sessions
    that just ended. Raises InputError for an empty range and for an
    answer that is no track.
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
            recorder.next(turn, answer)
        sessions.listen(live, answer.tracks)

        over = sessions.budget[live] <= 0
        if over.any():
            slots_over = live[over]
            turn, ended = sessions.turn(slots_over), sessions.ended(slots_over)
            agent.end(turn)
            if recorder is not None:
                recorder.last(turn)
            summary = summary.add(ended.rewards, ended.steps)
            live, free = live[~over], np.concatenate([free, slots_over])
            progress(ended)


def _check(answer: Answer, turn: Turn, n_tracks: int) -> None:
    strange = (answer.tracks < 0) | (answer.tracks >= n_tracks)
    if strange.any():
        at = int(np.flatnonzero(strange)[0])
        raise InputError(
            f"user {turn.users[at]} was answered track {answer.tracks[at]}, but "
            f"this world has tracks 0 to {n_tracks - 1}"
        )
