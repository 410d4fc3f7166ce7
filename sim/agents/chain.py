"""Recommenders that walk chains of steps, in process, as the service walks them.

Each session has two uniform numbers per step, from its own stream, so that the answers do not
depend on batches or processes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.chain_choice import SHARES
from contract.chains import Step, needs_plays
from sim.agent import Answer, Turn
from sim.agents import chain_walk as codes
from sim.agents.chain_walk import Lists, walk
from sim.arrays import Floats, Ints
from sim.rng import Streams
from sim.world import World

MAX_CANDIDATES = 100
"""Number of neighbours of a track, and of popular tracks, that are used."""

Padded = NDArray[np.int32]
"""One list a row, best first, padded with -1: shape (n_lists, longest)."""

_PLACES = {
    "user": codes.USER,
    "last_track": codes.LAST_TRACK,
    "listened_track": codes.LISTENED_TRACK,
    "everyone": codes.EVERYONE,
}
_PICKS = {
    "first": codes.FIRST,
    "best": codes.BEST,
    "next": codes.NEXT,
    "unseen": codes.UNSEEN,
    "any": codes.ANY,
}


class Chain:
    """Answers from the first step that has a track.

    Parameters
    ----------
    name : str
        The recommender in the log.
    steps : sequence of Step
        Parsed, and with keys.
    streams : Streams
        The random streams of the run's seed.
    lists : mapping of str to int32 array
        By name, the lists that the steps read: a row per user of the world, per track, or one
        for everyone; padded with -1.
    exclude : sequence of int
        Tracks that no step offers.
    """

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        streams: Streams,
        lists: Mapping[str, Padded],
        exclude: Sequence[int] = (),
    ) -> None:
        self.name = name
        names = [step.answers_as or name for step in steps]
        self.sources: tuple[str, ...] = tuple(dict.fromkeys([name, *names]))
        self._streams = streams
        self._steps, self._lists = tuple(steps), lists
        self._excluded = np.unique(np.array(exclude, dtype=np.int32)) if len(exclude) else None
        self._sources = np.array([self.sources.index(one) for one in names])
        self._world: World | None = None
        self._times = np.array([(step.time_from, step.time_below) for step in steps])
        self._keeps_plays = needs_plays(steps)
        self._plays = max(step.plays for step in steps) if self._keeps_plays else 1

    def begin(self, world: World, slots: int) -> None:
        if world is not self._world:
            self._world = world
            self._compile(world)
        self._shares = np.zeros((slots, self._plays), dtype=np.int64)

    def recommend(self, turn: Turn) -> Answer:
        return self.answer(turn)

    def answer(self, turn: Turn, random: tuple[Floats, Floats] | None = None) -> Answer:
        """`recommend` with these random numbers, two for each session: shape (n,)."""
        if self._keeps_plays:
            heard = np.floor(turn.times * SHARES + 0.5).astype(np.int64)
            self._shares[turn.slots, turn.steps % self._plays] = heard
        shares = self._shares if self._keeps_plays else None
        return Answer(
            *walk(
                turn,
                self._streams.key,
                random,
                self._codes,
                self._times,
                self._csr,
                self._excluded,
                shares,
            )
        )

    def end(self, turn: Turn) -> None:
        pass

    def _compile(self, world: World) -> None:
        """The steps as codes, and all their lists in one array."""
        rows, bounds, tracks = {}, [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        n_rows = n_tracks = 0
        for name, (counts, some) in self._used_lists(world).items():
            rows[name] = n_rows
            bounds.append(n_tracks + np.cumsum(counts))
            tracks.append(some)
            n_rows, n_tracks = n_rows + len(counts), n_tracks + len(some)
        artist_of = world.catalog.artist_of.astype(np.int32)
        self._csr = Lists(np.concatenate(bounds), np.concatenate(tracks), artist_of)
        sources = self._sources.tolist()
        self._codes = np.array(
            [
                (_place(step), _PICKS[step.pick], rows.get(_table(step), 0), step.plays, source)
                for step, source in zip(self._steps, sources, strict=True)
            ]
        )

    def _used_lists(self, world: World) -> dict[str, tuple[Ints, NDArray[np.int32]]]:
        """Length of each list, and all tracks, by table."""
        found = {}
        for step in self._steps:
            if step.source == "list":
                padded = self._lists[step.name]
                if step.key != "user":
                    padded = padded[..., :MAX_CANDIDATES]
                padded = np.atleast_2d(padded)
                kept = padded >= 0
                found[step.name] = kept.sum(axis=1), padded[kept].astype(np.int32)
            elif step.source == "artist":
                bounds, tracks = world.catalog.by_artist
                found[""] = np.diff(bounds), tracks.astype(np.int32)
        return found


def _place(step: Step) -> int:
    if step.source != "list":
        return codes.CATALOG if step.source == "catalog" else codes.ARTIST
    assert step.key is not None, "with_keys fills it in"
    return _PLACES[step.key]


def _table(step: Step) -> str:
    """The name of its lists; those of artists have none."""
    return step.name if step.source == "list" else ""
