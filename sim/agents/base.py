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
    answers so far. `heard[slots]` are the tracks already played, shape
    (n, n_tracks), and `artist_plays[slots]` the plays of each artist.
    """

    slots: Ints
    episodes: Ints
    steps: Ints
    user_rows: Ints
    users: Ints
    tracks: Ints
    times: Floats
    tastes: Ints
    heard: NDArray[np.bool_]
    artist_plays: NDArray[np.int32]

    def where(self, some: Ints) -> "Turn":
        """The same for some of the sessions, by their places in this turn."""
        return self._replace(
            slots=self.slots[some],
            episodes=self.episodes[some],
            steps=self.steps[some],
            user_rows=self.user_rows[some],
            users=self.users[some],
            tracks=self.tracks[some],
            times=self.times[some],
            tastes=self.tastes[some],
        )


class Answer(NamedTuple):
    """The next tracks, shape (n,), and, where known, how they were chosen.

    `ranks` are places in the recommender's list (0 is the best, -1 none);
    `propensities` the probabilities of these choices (nan where unknown).
    """

    tracks: Ints
    ranks: Ints | None = None
    propensities: Floats | None = None


class Agent(Protocol):
    """Answers for a recommender, many sessions at a time."""

    name: str
    # True where the far side knows users, not sessions, so that two sessions
    # of one user must never be in flight together.
    one_session_per_user: bool

    def begin(self, world: World, slots: int) -> None:
        """A run starts with so many sessions in flight."""

    def recommend(self, turn: Turn) -> Answer:
        """The next track of each session of the turn; values 0 to n_tracks - 1."""

    def end(self, turn: Turn) -> None:
        """These sessions are over; `tracks` and `times` are their last plays."""
