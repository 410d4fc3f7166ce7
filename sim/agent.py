"""The contract between the session engine and whatever answers for a recommender."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.world import World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Turn(NamedTuple):
    """What n sessions say when they ask for their next track; arrays of shape (n,).

    `user_rows` index `world.users`, `tracks` and `times` are the last play and
    the share of it that was heard, `tastes` the interest that the session
    lives by (the truth: only the oracle may look), `steps` the number of
    answers so far. `history[slot, :steps + 1]` are the tracks played so far
    and `artists` their artists; `distinct` counts the different ones.
    """

    slots: Ints
    episodes: Ints
    steps: Ints
    user_rows: Ints
    users: Ints
    tracks: Ints
    times: Floats
    tastes: Ints
    distinct: Ints
    history: NDArray[np.int32]
    artists: NDArray[np.int32]

    def played(self, i: int) -> Ints:
        """The tracks that the i-th session of this turn played so far, in order."""
        return self.history[self.slots[i], : self.steps[i] + 1].astype(np.int64)


class Answer(NamedTuple):
    """The next tracks, shape (n,), and, where known, how they were chosen.

    `ranks` are places in the recommender's list (0 is the best, -1 none);
    `propensities` the probabilities of these choices (nan where unknown);
    `sources` index the agent's `sources`: who really answered, the agent
    itself (0) or one of its fallbacks.
    """

    tracks: Ints
    ranks: Ints | None = None
    propensities: Floats | None = None
    sources: Ints | None = None


class Agent(Protocol):
    """Answers for a recommender, many sessions at a time."""

    name: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in the log: the agent's own, then those of its fallbacks."""

    def begin(self, world: World, slots: int) -> None:
        """A run starts with so many sessions in flight."""

    def recommend(self, turn: Turn) -> Answer:
        """The next track of each session of the turn; values 0 to n_tracks - 1."""

    def end(self, turn: Turn) -> None:
        """These sessions are over; `tracks` and `times` are their last plays."""
