"""Recommenders in process, by the rules of the service's recommenders of the same names.

Each session has two uniform numbers per step, from its own stream, so that the
answers do not depend on batches or processes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Answer, Turn
from sim.agents.selection import any_unseen, first_unseen, from_catalog
from sim.arrays import Floats, Ints
from sim.jit import compiled
from sim.rng import AGENT, Key, Streams, uniforms
from sim.world import World

MAX_CANDIDATES = 100
"""Number of neighbours of a track, and of popular tracks, to draw from."""

List = NDArray[np.int32]


class Policy:
    """Base of the in-process agents; `streams` are those of the run's seed."""

    name = "policy"
    # Random answers where a recommender has no track.
    sources: tuple[str, ...] = ("policy", "random")

    def __init__(self, streams: Streams) -> None:
        self._key = streams.key

    def begin(self, world: World, slots: int) -> None:
        self._catalog = world.catalog

    def recommend(self, turn: Turn) -> Answer:
        raise NotImplementedError

    def end(self, turn: Turn) -> None:
        pass


class Random(Policy):
    """Uniform over the unseen tracks of the catalog."""

    name = "random"
    sources = ("random",)

    def recommend(self, turn: Turn) -> Answer:
        return Answer(*_random(turn, self._key, len(self._catalog)))


class StickyArtist(Policy):
    """Uniform over the unseen tracks of the last track's artist; random if there are none."""

    name = "sticky_artist"
    sources = ("sticky_artist", "random")

    def recommend(self, turn: Turn) -> Answer:
        return Answer(*_sticky(turn, self._key, self._catalog.artist_of, *self._catalog.by_artist))


class TopPop(Policy):
    """Uniform over the unseen of the 100 most popular tracks; random if there are none."""

    name = "top_pop"
    sources = ("top_pop", "random")

    def __init__(self, streams: Streams, top_tracks: List) -> None:
        super().__init__(streams)
        self._top = top_tracks[:MAX_CANDIDATES]

    def recommend(self, turn: Turn) -> Answer:
        return Answer(*_popular(turn, self._key, len(self._catalog), self._top))


class Contextual(Policy):
    """Uniform over the neighbours of the last track, seen or not; random if it has none.

    `neighbours` has one row per track, shape (n_tracks, <= 100), padded with -1.
    """

    name = "contextual"
    sources = ("contextual", "random")

    def __init__(self, streams: Streams, neighbours: List) -> None:
        super().__init__(streams)
        self._neighbours = neighbours
        self._counts = (neighbours >= 0).sum(axis=1)

    def recommend(self, turn: Turn) -> Answer:
        return Answer(*_contextual(turn, self._key, self._neighbours, self._counts))


class Indexed(Policy):
    """The user's list, best first, the first unseen; then popular tracks in order; then random.

    `lists` has one row per user of the world, padded with -1.
    """

    def __init__(
        self, streams: Streams, lists: List, top_tracks: List, name: str = "indexed"
    ) -> None:
        """`name`: the recommender in the log."""
        super().__init__(streams)
        self.name, self.sources = name, (name, "top_pop", "random")
        self._lists, self._top = lists, top_tracks[:MAX_CANDIDATES]

    def recommend(self, turn: Turn) -> Answer:
        return Answer(*_indexed(turn, self._key, len(self._catalog), self._lists, self._top))


class _Answers(NamedTuple):
    """An `Answer` to fill in."""

    tracks: Ints
    ranks: Ints
    propensities: Floats
    sources: Ints


@compiled
def _empty_answers(n: int) -> _Answers:
    integer = np.int64
    return _Answers(np.empty(n, integer), np.empty(n, integer), np.empty(n), np.empty(n, integer))


@compiled
def _write(answer: _Answers, i: int, source: int, choice: tuple[int, int, int]) -> None:
    track, place, count = choice
    answer.tracks[i], answer.ranks[i] = track, place
    answer.propensities[i], answer.sources[i] = 1.0 / count, source


@compiled
def _random(turn: Turn, key: Key, n_tracks: int) -> _Answers:
    answer = _empty_answers(len(turn.slots))
    for i in range(len(turn.slots)):
        history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
        first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
        choice = from_catalog(history, n, turn.distinct[i], n_tracks, first, second)
        _write(answer, i, 0, choice)
    return answer


@compiled
def _sticky(turn: Turn, key: Key, artist_of: List, bounds: Ints, tracks: Ints) -> _Answers:
    answer = _empty_answers(len(turn.slots))
    for i in range(len(turn.slots)):
        history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
        first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
        artist = artist_of[turn.tracks[i]]
        by_artist = tracks[bounds[artist] : bounds[artist + 1]]
        source, (track, _, count) = 0, any_unseen(history, n, by_artist, first)
        if track < 0:
            source = 1
            track, _, count = from_catalog(
                history, n, turn.distinct[i], len(artist_of), first, second
            )
        _write(answer, i, source, (track, -1, count))  # an artist's tracks have no order
    return answer


@compiled
def _popular(turn: Turn, key: Key, n_tracks: int, top: List) -> _Answers:
    answer = _empty_answers(len(turn.slots))
    for i in range(len(turn.slots)):
        history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
        first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
        source, choice = 0, any_unseen(history, n, top, first)
        if choice[0] < 0:
            source = 1
            choice = from_catalog(history, n, turn.distinct[i], n_tracks, first, second)
        _write(answer, i, source, choice)
    return answer


@compiled
def _contextual(turn: Turn, key: Key, neighbours: List, counts: Ints) -> _Answers:
    answer = _empty_answers(len(turn.slots))
    for i in range(len(turn.slots)):
        first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
        count = counts[turn.tracks[i]]
        if count:
            place = int(first * count)
            _write(answer, i, 0, (neighbours[turn.tracks[i], place], place, count))
        else:
            history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
            choice = from_catalog(history, n, turn.distinct[i], len(counts), first, second)
            _write(answer, i, 1, choice)
    return answer


@compiled
def _indexed(turn: Turn, key: Key, n_tracks: int, lists: List, top: List) -> _Answers:
    answer = _empty_answers(len(turn.slots))
    for i in range(len(turn.slots)):
        history, n = turn.history[turn.slots[i]], turn.steps[i] + 1
        source, choice = 0, first_unseen(history, n, lists[turn.user_rows[i]])
        if choice[0] < 0:
            source, choice = 1, first_unseen(history, n, top)
        if choice[0] < 0:
            first, second = uniforms(key, AGENT, turn.episodes[i], turn.steps[i])
            source = 2
            choice = from_catalog(history, n, turn.distinct[i], n_tracks, first, second)
        _write(answer, i, source, choice)
    return answer
