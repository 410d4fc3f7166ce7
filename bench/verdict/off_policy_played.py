"""Plays the logs for the estimates, and the true values that these are compared with."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.off_policy.decisions import Decisions
from sim.agent import Agent
from sim.arrays import Floats
from sim.engine.events import Events
from sim.engine.parallel import BLOCK, play_blocks
from sim.world import World

_LARGE = 50_000
"""Sessions played at a time for the true values, of which only sums are kept."""
SMALL = 10_000
"""Sessions of each log that coverage is counted on."""


class TrueValue(NamedTuple):
    """Share heard of a recommended track, a session's first and any, with standard errors."""

    first: float
    first_error: float
    every: float
    every_error: float


def play_log(world: World, agent: Agent, seed: int, sessions: int, processes: int) -> Events:
    """Every line of this number of sessions."""
    blocks = _recorded(world, agent, seed, range(sessions), processes)
    return Events(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _recorded(
    world: World, agent: Agent, seed: int, episodes: range, processes: int = 1, block: int = BLOCK
) -> Iterator[Events]:
    """The events of these sessions, in blocks."""
    how = {"seed": seed, "processes": processes, "block": block}
    for played in play_blocks(world, agent, episodes=episodes, record=True, **how):
        assert played.events is not None
        yield played.events


def measure(world: World, agent: Agent, seed: int, sessions: int, processes: int) -> TrueValue:
    """The agent's own value; sessions are independent draws of a user, so they are the unit."""
    first: list[Floats] = []
    totals: list[NDArray[np.number]] = []
    counts: list[NDArray[np.number]] = []
    for start in range(0, sessions, _LARGE):
        chosen = range(start, min(start + _LARGE, sessions))
        for events in _recorded(world, agent, seed, chosen, processes):
            recommended = events.steps > 0
            first.append(events.times[events.steps == 1])
            number = np.cumsum(events.steps == 0) - 1
            totals.append(np.bincount(number, events.times * recommended))
            counts.append(np.bincount(number, recommended))
    ones, sums, lengths = np.concatenate(first), np.concatenate(totals), np.concatenate(counts)
    every = sums.sum() / lengths.sum()
    error = np.sqrt(((sums - every * lengths) ** 2).sum()) / lengths.sum()
    return TrueValue(ones.mean(), ones.std(ddof=1) / len(ones) ** 0.5, every, error)


def small_logs(world: World, agent: Agent, seed: int, n_logs: int) -> Iterator[Decisions]:
    """First decisions alone, without the detour over files."""
    for events in _recorded(world, agent, seed, range(n_logs * SMALL), block=SMALL):
        rows = np.flatnonzero(events.steps == 0)
        ids, users = np.unique(events.users[rows], return_inverse=True)
        order = np.argsort(users, kind="stable")
        rows, users = rows[order], users[order]
        yield Decisions(
            user_ids=tuple(map(str, ids.tolist())),
            users=users,
            sessions=np.arange(len(rows)),
            tracks=events.tracks[rows],
            times=events.times[rows],
            recommendations=events.recommendations[rows],
            propensities=events.propensities[rows],
            rewards=events.times[rows + 1],
            usable=np.ones(len(rows), np.bool_),
            left_out={},
            logged=np.unique(events.recommendations[rows]),
        )
