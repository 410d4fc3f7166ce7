"""Events of played sessions, in episode order."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Answer, Turn
from sim.arrays import Floats, Ints


class Events(NamedTuple):
    """Log lines as columns of equal length: whole sessions, in (episode, step) order.

    Where the log has null, `recommendations`, `ranks` and `sources` are -1 and
    `propensities` nan. `sources` index the agent's `sources`.
    """

    episodes: Ints
    steps: Ints
    users: Ints
    tracks: Ints
    times: Floats
    recommendations: Ints
    ranks: Ints
    propensities: Floats
    sources: Ints

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """True for the `last` line of each session."""
        return self.recommendations < 0


class Recorder:
    """Collects the events of a run, in whatever order its sessions end."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def record_next(self, turn: Turn, answer: Answer) -> None:
        """Plays, and what was recommended after them."""
        n = len(turn.tracks)
        none = np.full(n, -1, dtype=np.int64)
        self._add(
            turn,
            answer.tracks,
            none if answer.ranks is None else answer.ranks,
            np.full(n, np.nan) if answer.propensities is None else answer.propensities,
            np.zeros(n, dtype=np.int64) if answer.sources is None else answer.sources,
        )

    def record_last(self, turn: Turn) -> None:
        """The last plays of sessions that are over."""
        n = len(turn.tracks)
        none = np.full(n, -1, dtype=np.int64)
        self._add(turn, none, none, np.full(n, np.nan), none)

    def _add(self, turn: Turn, *answer: NDArray[np.generic]) -> None:
        turn_columns = turn.episodes, turn.steps, turn.users, turn.tracks, turn.times
        self._parts.append((*turn_columns, *answer))

    def events(self) -> Events:
        """The recorded events, in (episode, step) order; every session must have ended."""
        unordered = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        order = _order(unordered[0], unordered[1])
        return Events(*(column[order] for column in unordered))


def _order(episodes: Ints, steps: Ints) -> Ints:
    """Indices that sort by (episode, step); the steps of an episode are 0, 1, ... without a gap.

    The place of an event follows without sorting: the start of its session plus its step.
    """
    numbers = episodes - episodes.min()
    if numbers.max() > 2 * len(numbers):  # a few episodes of many: number only those
        numbers = np.searchsorted(np.unique(numbers), numbers)
    lengths = np.bincount(numbers)
    starts = np.cumsum(lengths) - lengths
    order = np.empty(len(numbers), dtype=np.int64)
    order[starts[numbers] + steps] = np.arange(len(numbers))
    return order
