"""The contract between the session engine and everything that answers for a recommender."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.arrays import Floats, Ints
from sim.world import World


class Turn(NamedTuple):
    """The state of n sessions that ask a recommender for their next track.

    Attributes
    ----------
    slots : int64, shape (n,)
        Slot of each session: its row in `history` and `artists`.
    episodes : int64, shape (n,)
        Number of each session within the run of its seed.
    steps : int64, shape (n,)
        Number of answers so far.
    user_rows : int64, shape (n,)
        Row of each listener in `world.users`.
    users : int64, shape (n,)
        Id of each listener.
    tracks : int64, shape (n,)
        The track just played.
    times : float64, shape (n,)
        The share of it that was heard, 0 to 1.
    tastes : int64, shape (n,)
        The track that is the session's true taste; only the oracle may use it.
    distinct : int64, shape (n,)
        Number of different tracks played so far.
    history : int32, shape (slots, capacity)
        history[slot, :steps + 1] are the tracks played so far, in order.
    artists : int32, shape (slots, capacity)
        Their artists.
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
        """The tracks that the i-th session of this turn has played, in order."""
        return self.history[self.slots[i], : self.steps[i] + 1].astype(np.int64)


class Answer(NamedTuple):
    """The next track of each session and, if known, how it was chosen.

    Attributes
    ----------
    tracks : int64, shape (n,)
        0 to n_tracks - 1.
    ranks : int64, shape (n,), optional
        Places in the recommender's list: 0 is the best, -1 none.
    propensities : float64, shape (n,), optional
        Probabilities of these choices, nan if unknown.
    sources : int64, shape (n,), optional
        Index into the agent's `sources`: what answered, the agent itself (0) or
        one of its fallbacks.
    """

    tracks: Ints
    ranks: Ints | None = None
    propensities: Floats | None = None
    sources: Ints | None = None


class Agent(Protocol):
    """Answers for a recommender, many sessions at a time.

    Examples
    --------
    An agent that plays the tracks in order of their ids:

    >>> from sim import Answer, GeneratorOptions, generate, play
    >>> class InOrder:
    ...     name = "in_order"
    ...     sources = ("in_order",)
    ...     def begin(self, world, slots):
    ...         self.n_tracks = len(world.catalog)
    ...     def recommend(self, turn):
    ...         return Answer((turn.tracks + 1) % self.n_tracks)
    ...     def end(self, turn):
    ...         pass
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> play(world, InOrder(), seed=1, episodes=range(10)).sessions
    10
    """

    name: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Names in the log: the agent's own, then those of its fallbacks."""

    def begin(self, world: World, slots: int) -> None:
        """A run starts, with at most `slots` sessions in flight."""

    def recommend(self, turn: Turn) -> Answer:
        """The next track of each session of the turn."""

    def end(self, turn: Turn) -> None:
        """These sessions are over; `tracks` and `times` are their last plays."""
