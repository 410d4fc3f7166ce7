"""What a recommender that decides in Python sees, and what it answers."""

import struct
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from random import Random
from typing import NamedTuple

from botify.catalog import unpack
from botify.plays import Play
from botify.store.sessions import Randomness, SessionSnapshot

_PLAY = struct.Struct("<If")


class Choice(NamedTuple):
    """The next track, and how it was chosen."""

    track: int
    propensity: float = 1.0
    """The probability with which this track was chosen, given what the recommender saw."""
    rank: int | None = None
    """Its place in the recommender's list, from 0."""
    model_version: str | None = None


class Turn:
    """A session that asks for its next track.

    `draw`, `draw_from_catalog` and `first` offer nothing that is excluded or, unless the seen
    filter is off, was seen; each returns None if that leaves no track.
    """

    def __init__(
        self,
        user: int,
        play: Play,
        snapshot: SessionSnapshot,
        exclude: bytes,
        n_tracks: int,
        seen_filter: bool,
    ) -> None:
        """`exclude`: packed tracks that must not be offered."""
        self.user = user
        self.track = play.track
        """The track that was just played, ..."""
        self.time = play.time
        """... and the share of it that was, 0 to 1."""
        self.n_tracks = n_tracks
        """Tracks are numbered from 0 to n_tracks - 1."""
        self.seen_filter = seen_filter
        self.snapshot = snapshot
        """The session as stored."""
        self.packed_exclude = exclude
        self._drawn = False

    @cached_property
    def plays(self) -> tuple[tuple[int, float], ...]:
        """The session's plays in order, the last one included: track, and share of it played."""
        # The session may have begun before a smaller catalog was put into service.
        plays = _PLAY.iter_unpack(self.snapshot.plays)
        return tuple((track, time) for track, time in plays if track < self.n_tracks)

    @cached_property
    def seen(self) -> frozenset[int]:
        """Tracks that the session has played or was offered."""
        return frozenset(t for t in unpack(self.snapshot.seen) if t < self.n_tracks)

    @cached_property
    def excluded(self) -> frozenset[int]:
        """Tracks that must not be offered, by the config or by the request."""
        return frozenset(unpack(self.packed_exclude))

    @property
    def rng(self) -> Random:
        """For all draws: with a seed in the config, the same requests get the same answers."""
        self._drawn = True
        return self._rng

    @cached_property
    def _rng(self) -> Random:
        return Random(hash(self.snapshot.random))

    def is_free(self, track: int) -> bool:
        """Whether this track may be offered."""
        return track not in self.excluded and not (self.seen_filter and track in self.seen)

    def draw(self, tracks: Iterable[int], weights: Sequence[float] | None = None) -> Choice | None:
        """One of the free ones of these tracks, all equally likely, or in proportion to `weights`.

        `weights`: of each of `tracks`, 0 or more.
        """
        if weights is None:
            free = [track for track in dict.fromkeys(tracks) if self.is_free(track)]
            if not free:
                return None
            return Choice(free[int(self.rng.random() * len(free))], 1 / len(free))
        of_track: dict[int, float] = {}
        for track, weight in zip(tracks, weights, strict=True):
            if self.is_free(track) and weight > 0:
                of_track[track] = of_track.get(track, 0.0) + weight
        if not of_track:
            return None
        [track] = self.rng.choices(list(of_track), list(of_track.values()))
        return Choice(track, of_track[track] / sum(of_track.values()))

    def draw_from_catalog(self, without: Collection[int] = ()) -> Choice | None:
        """A free track of the catalog that is not in `without`, all equally likely."""
        barred = {track for track in without if 0 <= track < self.n_tracks} | self.excluded
        if self.seen_filter:
            barred |= self.seen
        free = self.n_tracks - len(barred)
        if free == 0:
            return None
        # Draws until one is free; if few are, from a list of them.
        if len(barred) < 0.9 * self.n_tracks:
            while (track := int(self.rng.random() * self.n_tracks)) in barred:
                pass
            return Choice(track, 1 / free)
        left = [track for track in range(self.n_tracks) if track not in barred]
        return Choice(left[int(self.rng.random() * free)], 1 / free)

    def first(self, tracks: Iterable[int]) -> Choice | None:
        """The first free one of these tracks, which are best first."""
        for rank, track in enumerate(tracks):
            if self.is_free(track):
                return Choice(track, 1.0, rank)
        return None

    @property
    def drew(self) -> bool:
        """Whether anything was drawn: steps chosen by a draw have no known propensity."""
        return self._drawn

    @property
    def randomness_left(self) -> Randomness:
        """For the draws of steps: independent of those so far."""
        if self._drawn:
            return self._rng.random(), self._rng.random()
        return self.snapshot.random
