"""Logs of A/B tests played in process: the same listeners, their treatment's recommender each."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sim.agent import Agent, Answer, Turn
from sim.arrays import Floats, Ints
from sim.engine.events import Events
from sim.logs.clock import Clock
from sim.logs.rows import SCHEMA, as_rows
from sim.world import World

EXPERIMENT = "PLAYED"
START_MS = 1_767_225_600_000
"""2026-01-01 00:00 UTC."""


class Split:
    """Several agents behind one: each user is answered by that of their treatment.

    `arm_of` has the index into `arms` of every user row of the world.
    """

    name = "split"

    def __init__(self, arms: Sequence[Agent], arm_of: Ints) -> None:
        self._arms, self._arm_of = arms, arm_of
        self._first_source = np.cumsum([0, *(len(arm.sources) for arm in arms)])

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(source for arm in self._arms for source in arm.sources)

    def begin(self, world: World, slots: int) -> None:
        for arm in self._arms:
            arm.begin(world, slots)

    def recommend(self, turn: Turn) -> Answer:
        n = len(turn.slots)
        tracks, ranks, sources = (np.empty(n, np.int64) for _ in range(3))
        propensities = np.empty(n)
        for number, arm in enumerate(self._arms):
            mine = np.flatnonzero(self._arm_of[turn.user_rows] == number)
            if not len(mine):
                continue
            answer = arm.recommend(part(turn, mine))
            tracks[mine] = answer.tracks
            ranks[mine] = -1 if answer.ranks is None else answer.ranks
            propensities[mine] = np.nan if answer.propensities is None else answer.propensities
            own = 0 if answer.sources is None else answer.sources
            sources[mine] = own + self._first_source[number]
        return Answer(tracks, ranks, propensities, sources)

    def end(self, turn: Turn) -> None:
        for number, arm in enumerate(self._arms):
            arm.end(part(turn, np.flatnonzero(self._arm_of[turn.user_rows] == number)))


def part(turn: Turn, rows: Ints | NDArray[np.bool_]) -> Turn:
    """The turn of some of its sessions; arrays by slot are shared."""
    return turn._replace(
        slots=turn.slots[rows],
        episodes=turn.episodes[rows],
        steps=turn.steps[rows],
        user_rows=turn.user_rows[rows],
        users=turn.users[rows],
        tracks=turn.tracks[rows],
        times=turn.times[rows],
        tastes=turn.tastes[rows],
        distinct=turn.distinct[rows],
    )


def stamps(events: Events, world: World, episodes: int, days: float) -> Ints:
    """Times of the events, `episodes` sessions spread over this number of days."""
    return Clock(START_MS, days, episodes, world.users.ids).stamp(events)


def as_table(
    events: Events,
    at: Ints,
    sources: Sequence[str],
    treatments: Sequence[str],
    arms: Ints,
    latency: Floats | None = None,
) -> pa.Table:
    """The events as rows of the log, with `experiments` and, where given, `latency` filled in.

    `arms` has the index into `treatments` of every event.
    """
    rows = as_rows(events, at, sources)
    texts = pa.array([json.dumps({EXPERIMENT: name}) for name in treatments])
    columns = dict(zip(SCHEMA.names, rows.columns, strict=True))
    columns["experiments"] = pa.DictionaryArray.from_arrays(pa.array(arms.astype(np.int32)), texts)
    if latency is not None:
        columns["latency"] = pa.array(latency)
    return pa.table(columns, schema=SCHEMA)


def write_parquet(table: pa.Table, path: Path) -> None:
    """In the order of time, as a service would log."""
    ordered = table.take(pc.sort_indices(table["timestamp"]))
    pq.write_table(ordered, path, compression="zstd")
