"""Agents that decide for one session at a time, in Python."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from sim.agent import Answer, Turn
from sim.agents.offered import OfferedAgent
from sim.errors import InputError
from sim.rng import AGENT, Streams
from sim.world import Catalog, World

_FALLBACK = "random"


class Choice(NamedTuple):
    """The next track, and how it was chosen."""

    track: int
    propensity: float = 1.0
    """The probability with which this track was chosen, given what the agent saw."""
    rank: int | None = None
    """Its place in the agent's list, from 0."""


class SessionTurn:
    """A session that asks for its next track.

    `draw`, `draw_from_catalog` and `first` offer nothing that the session has played; each returns
    None if that leaves no track. Names and rules are those of the service's
    `botify.recommenders.Turn`, so that one `choose` does for both.
    """

    def __init__(
        self,
        user: int,
        plays: tuple[tuple[int, float], ...],
        n_tracks: int,
        random: tuple[float, float],
    ) -> None:
        """`random`: two uniform numbers on [0, 1), the session's own for this turn."""
        self.user = user
        self.plays = plays
        """The session's plays in order, the last one included: track, and share of it heard."""
        self.track, self.time = plays[-1]
        """The track just played, and the share of it that was heard, 0 to 1."""
        self.n_tracks = n_tracks
        """Tracks are numbered from 0 to n_tracks - 1."""
        self.excluded: frozenset[int] = frozenset()
        """Tracks that must not be offered: none."""
        self._random = random

    @cached_property
    def seen(self) -> frozenset[int]:
        """Tracks that the session has played."""
        return frozenset(track for track, _ in self.plays)

    @cached_property
    def rng(self) -> Random:
        """For all draws; no session's draws depend on another's."""
        return Random(hash(self._random))

    def is_free(self, track: int) -> bool:
        """Whether this track was not played yet."""
        return track not in self.seen

    def draw(self, tracks: Iterable[int], weights: Sequence[float] | None = None) -> Choice | None:
        """One of the free ones of these tracks, all equally likely, or in proportion to `weights`.

        `weights`: of each of `tracks`, 0 or more.
        """
        given = list(tracks)
        of_track: dict[int, float] = {}
        for track, weight in zip(given, weights or [1.0] * len(given), strict=True):
            if self.is_free(track) and weight > 0:
                of_track[track] = weight + (of_track.get(track, 0.0) if weights else 0.0)
        if not of_track:
            return None
        [track] = self.rng.choices(list(of_track), list(of_track.values()))
        return Choice(track, of_track[track] / sum(of_track.values()))

    def draw_from_catalog(self, without: Collection[int] = ()) -> Choice | None:
        """A free track of the catalog that is not in `without`, all equally likely."""
        barred = {track for track in without if 0 <= track < self.n_tracks} | self.seen
        free = self.n_tracks - len(barred)
        if free == 0:
            return None
        if len(barred) < 0.9 * self.n_tracks:
            while (track := self.rng.randrange(self.n_tracks)) in barred:
                pass
            return Choice(track, 1 / free)
        left = [track for track in range(self.n_tracks) if track not in barred]
        return Choice(left[self.rng.randrange(free)], 1 / free)

    def first(self, tracks: Iterable[int]) -> Choice | None:
        """The first free one of these tracks, which are best first."""
        for rank, track in enumerate(tracks):
            if self.is_free(track):
                return Choice(track, 1.0, rank)
        return None


class SessionAgent(OfferedAgent):
    """An agent of a package that chooses for one session at a time: a subclass has `choose`.

    Where `choose` gives None, the answer is a random track that the session has not played.
    Python is slow: some 10,000 answers a second, where a compiled agent gives a million. An agent
    that needs more overrides `recommend` of `OfferedAgent`.

    Examples
    --------
    >>> from sim import GeneratorOptions, SessionAgent, Streams, generate, play
    >>> class SameArtist(SessionAgent):
    ...     def choose(self, turn):
    ...         return turn.draw(self.catalog.artist_tracks(turn.track))
    >>> world, _ = generate(GeneratorOptions(n_users=20, n_tracks=100), seed=1)
    >>> agent = SameArtist("same_artist", world, Streams(1))
    >>> play(world, agent, seed=1, episodes=range(10)).sessions
    10
    """

    def __init__(self, name: str, world: World, streams: Streams, lists: Path = Path()) -> None:
        super().__init__(name, world, streams, lists)
        self._times = np.empty((0, 0))

    @property
    def catalog(self) -> Catalog:
        """Artists and titles of the tracks."""
        return self.world.catalog

    @property
    def sources(self) -> tuple[str, ...]:
        """Its own name, and that of what answers where it has no track."""
        return (self.name,) if self.name == _FALLBACK else (self.name, _FALLBACK)

    @abstractmethod
    def choose(self, turn: SessionTurn) -> Choice | None:
        """The next track of a session; None: a random one. Called once for each turn."""

    def begin(self, world: World, slots: int) -> None:
        self._times = np.zeros((slots, 8))

    def recommend(self, turn: Turn) -> Answer:
        self._keep(turn)
        n, n_tracks = len(turn.slots), len(self.catalog)
        tracks, ranks = np.empty(n, np.int64), np.full(n, -1)
        propensities, sources = np.empty(n), np.zeros(n, np.int64)
        random = zip(*self.streams.uniforms(AGENT, turn.episodes, turn.steps), strict=True)
        for i, numbers in enumerate(random):
            times = self._times[turn.slots[i], : turn.steps[i] + 1].tolist()
            plays = tuple(zip(turn.played(i).tolist(), times, strict=True))
            one = SessionTurn(int(turn.users[i]), plays, n_tracks, numbers)
            choice = self._chosen(one)
            if choice is None:
                choice, sources[i] = one.draw_from_catalog(), len(self.sources) - 1
            if choice is None:  # the session has played the whole catalog
                choice = Choice(one.rng.randrange(n_tracks), 1 / n_tracks)
            tracks[i], propensities[i] = choice.track, choice.propensity
            ranks[i] = -1 if choice.rank is None else choice.rank
        return Answer(tracks, ranks, propensities, sources)

    def _keep(self, turn: Turn) -> None:
        """Keep the times of the plays; the engine has those of the last ones alone."""
        longest = int(turn.steps.max(initial=0)) + 1
        if longest > self._times.shape[1]:
            self._times = np.pad(self._times, ((0, 0), (0, longest)))
        self._times[turn.slots, turn.steps] = turn.times

    def _chosen(self, turn: SessionTurn) -> Choice | None:
        """What `choose` gives. Raises InputError where that fails, or is no track."""
        try:
            choice = self.choose(turn)
        except Exception as error:  # whatever the code of a package raises
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise InputError(
                f"agent {self.name!r} failed for user {turn.user} after track {turn.track}: "
                f"{reason}"
            ) from error
        if choice is not None and not 0 <= choice.track < turn.n_tracks:
            raise InputError(
                f"agent {self.name!r} answered {choice.track!r} for user {turn.user}: no track of "
                f"0 to {turn.n_tracks - 1}"
            )
        return choice
