"""Events of played sessions, put back in episode order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agents.base import Answer, Floats, Ints, Turn


class Events(NamedTuple):
    """Log lines as columns of one length; whole sessions, in (episode, step) order.

    `recommendations` and `ranks` are -1 and `propensities` nan where the log has null.
    """

    episodes: Ints
    steps: Ints
    users: Ints
    tracks: Ints
    times: Floats
    recommendations: Ints
    ranks: Ints
    propensities: Floats

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """True for the `last` line of each session."""
        return self.recommendations < 0

    def where(self, mask: NDArray[np.bool_] | Ints) -> "Events":
        return Events(**{name: getattr(self, name)[mask] for name in self._fields})


def concatenate(parts: Sequence[Events]) -> Events:
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in Events._fields}
    return Events(**columns)


class Recorder:
    """Collects the events of a run and hands over whole sessions in episode order.

    Sessions end in any order. What a sink receives must not depend on that,
    so events wait here until every earlier episode is complete; the wait is
    as long as the longest session in flight, whatever the number of episodes.
    """

    def __init__(
        self, sink: Callable[[Events], None], first_episode: int = 0, every: int = 100_000
    ) -> None:
        self._sink = sink
        self._next_episode = first_episode
        self._every = self._flush_at = every
        self._parts: list[Events] = []
        self._held = 0
        self._ended: list[Ints] = []

    def next(self, turn: Turn, answer: Answer) -> None:
        n = len(turn.tracks)
        ranks = answer.ranks if answer.ranks is not None else np.full(n, -1)
        chances = answer.propensities if answer.propensities is not None else np.full(n, np.nan)
        self._add(turn, answer.tracks, ranks, chances)

    def last(self, turn: Turn) -> None:
        none = np.full(len(turn.tracks), -1)
        self._add(turn, none, none, np.full(len(none), np.nan))
        self._ended.append(turn.episodes)
        if self._held >= self._flush_at:
            self.flush()

    def _add(self, turn: Turn, recommendations: Ints, ranks: Ints, chances: Floats) -> None:
        self._parts.append(
            Events(
                turn.episodes,
                turn.steps,
                turn.users,
                turn.tracks,
                turn.times,
                recommendations,
                ranks,
                chances,
            )
        )
        self._held += len(turn.tracks)

    def flush(self) -> None:
        """Hand over what is complete."""
        if not self._ended:
            return
        ended = np.sort(np.concatenate(self._ended))
        # Episodes next, next + 1, ... without a gap are complete.
        complete = int((ended == self._next_episode + np.arange(len(ended))).cumprod().sum())
        self._ended = [ended[complete:]]
        self._next_episode += complete
        events = concatenate(self._parts)
        done = events.episodes < self._next_episode
        self._parts = [events.where(~done)]
        self._held = len(self._parts[0].episodes)
        # Twice what a long session holds up: its wait stays linear in its length.
        self._flush_at = max(self._every, 2 * self._held)
        if complete:
            events = events.where(done)
            self._sink(events.where(np.lexsort((events.steps, events.episodes))))
