"""Recommenders played in process, by the rules of the service's recommenders of the same names."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.agents.base import Answer, Floats, Ints, Turn
from sim.streams import AGENT, Streams, pick
from sim.world import World

# Uniform draws that may hit a seen track before the unseen ones are listed.
_TRIES = 32
TOP = 100


@dataclass
class Policy:
    """Base of the in-process agents; `streams` are those of the run's seed."""

    streams: Streams
    name = "policy"
    one_session_per_user = False

    def begin(self, world: World, slots: int) -> None:
        self.world = world
        self._all = np.arange(len(world.catalog))

    def recommend(self, turn: Turn) -> Answer:
        raise NotImplementedError

    def end(self, turn: Turn) -> None:
        pass

    def draw(self, turn: Turn, attempt: int = 0) -> Floats:
        """A uniform of each session's own, for this step and attempt (below 2 * _TRIES)."""
        draws = turn.steps * (2 * _TRIES) + attempt
        return self.streams.uniforms(AGENT, turn.episodes, draws)[0]

    def unseen(self, turn: Turn, low: Ints, sizes: Ints, items: Ints) -> Ints:
        """Uniform over the unseen of items[low : low + sizes] of each session, -1 if none."""
        tracks = np.full(len(turn.slots), -1)
        todo = np.flatnonzero(sizes > 0)
        for attempt in range(_TRIES):
            drawn = items[low[todo] + pick(self.draw(turn, attempt)[todo], sizes[todo])]
            fresh = ~turn.heard[turn.slots[todo], drawn]
            tracks[todo[fresh]] = drawn[fresh]
            todo = todo[~fresh]
            if not len(todo):
                return tracks
        last = self.draw(turn, _TRIES)
        for i in todo.tolist():
            mine = items[low[i] : low[i] + sizes[i]]
            mine = mine[~turn.heard[turn.slots[i], mine]]
            if len(mine):
                tracks[i] = mine[int(last[i] * len(mine))]
        return tracks

    def anything(self, turn: Turn, tracks: Ints) -> Ints:
        """`tracks`, with each -1 replaced by an unseen track, or any once all are seen."""
        missing = np.flatnonzero(tracks < 0)
        if len(missing):
            mine = turn.where(missing)
            low, sizes = np.zeros_like(missing), np.full(len(missing), len(self._all))
            drawn = self.unseen(mine, low, sizes, self._all)
            everything = pick(self.draw(mine, _TRIES + 1), len(self._all))
            tracks[missing] = np.where(drawn >= 0, drawn, everything)
        return tracks


class Random(Policy):
    """Uniform over the catalog's unseen tracks."""

    name = "random"

    def recommend(self, turn: Turn) -> Answer:
        tracks = self.anything(turn, np.full(len(turn.slots), -1))
        # Nothing repeats, so the first track and one a step are seen.
        left = np.maximum(len(self._all) - 1 - turn.steps, 1)
        return Answer(tracks, propensities=1.0 / left)


class StickyArtist(Policy):
    """Uniform over the unseen tracks of the last track's artist."""

    name = "sticky_artist"

    def recommend(self, turn: Turn) -> Answer:
        bounds, items = self.world.catalog.by_artist
        artist = self.world.catalog.artist_of[turn.tracks]
        low = bounds[artist]
        return Answer(self.anything(turn, self.unseen(turn, low, bounds[artist + 1] - low, items)))


@dataclass
class TopPop(Policy):
    """Uniform over the unseen of the 100 most popular tracks."""

    top_tracks: Ints
    name = "top_pop"

    def recommend(self, turn: Turn) -> Answer:
        top = self.top_tracks[:TOP]
        low, sizes = np.zeros_like(turn.slots), np.full(len(turn.slots), len(top))
        return Answer(self.anything(turn, self.unseen(turn, low, sizes, top)))


@dataclass
class Contextual(Policy):
    """Uniform over the neighbours of the last track, seen or not; shape (n_tracks, <= 100)."""

    neighbours: NDArray[np.int64]
    name = "contextual"

    def begin(self, world: World, slots: int) -> None:
        super().begin(world, slots)
        self._counts = (self.neighbours >= 0).sum(axis=1)

    def recommend(self, turn: Turn) -> Answer:
        counts = self._counts[turn.tracks]
        column = pick(self.draw(turn, 2 * _TRIES - 1), np.maximum(counts, 1))
        return Answer(self.anything(turn, self.neighbours[turn.tracks, column].copy()))


@dataclass
class Indexed(Policy):
    """The user's list, best first, the first unseen; then the 100 most popular in order.

    `lists` has one row per user of the world, padded with -1.
    """

    lists: NDArray[np.int64]
    top_tracks: Ints
    name = "indexed"

    def recommend(self, turn: Turn) -> Answer:
        tracks, ranks = first_unseen(turn, self.lists[turn.user_rows])
        missing = np.flatnonzero(tracks < 0)
        if len(missing):
            mine = turn.where(missing)
            top = np.broadcast_to(
                self.top_tracks[:TOP], (len(missing), len(self.top_tracks[:TOP]))
            )
            tracks[missing], ranks[missing] = first_unseen(mine, top)
        return Answer(self.anything(turn, tracks), ranks=ranks)


def first_unseen(turn: Turn, lists: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """The first unseen track of each row of `lists` (padded with -1) and its place; -1 if none."""
    fresh = (lists >= 0) & ~turn.heard[turn.slots[:, None], lists]
    place = fresh.argmax(axis=1)
    rows = np.arange(len(lists))
    found = fresh[rows, place]
    return np.where(found, lists[rows, place], -1), np.where(found, place, -1)
