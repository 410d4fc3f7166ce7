"""An upper bound: an agent that sees the listener's taste."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Answer, Turn
from sim.arrays import Floats, Ints
from sim.history import contains, count
from sim.jit import compiled
from sim.listener import affinity, discount, expected_share
from sim.world import World
from sim.world.nearest import nearest

# Candidates per taste, and the factor by which a session that exhausts them gets more.
_NEAR, _MORE = 64, 8


class Oracle:
    """Sees the session's taste; answers the unseen track with the longest expected play.

    That is the nearest track by inner product, unless the discount of its artist
    makes another one better. Greedy: it does not look beyond the next track.
    """

    name = "oracle"
    sources = ("oracle",)

    def begin(self, world: World, slots: int) -> None:
        users = world.users
        self._taste_rows = world.taste_rows
        self._near = nearest(world.embeddings, world.tastes, min(_NEAR, len(world.catalog)))
        self._world = _WorldArrays(
            world.embeddings,
            world.catalog.artist_of,
            len(world.catalog.artists),
            world.hype,
            np.flatnonzero(world.hype),
            users.consume_bias,
            users.consume_sharpness,
            users.artist_discount_gamma,
        )
        # For sessions that exhausted these: more of the nearest tracks and their shares, by slot.
        self._extended: dict[int, tuple[Ints, Floats]] = {}

    def recommend(self, turn: Turn) -> Answer:
        tracks = _best(turn, self._near[self._taste_rows[turn.tastes]], self._world)
        for i in np.flatnonzero(tracks < 0).tolist():
            slot = int(turn.slots[i])
            if slot not in self._extended:
                self._extend(turn, i, _MORE * self._near.shape[1])
            while (best := _best_extended(turn, i, *self._extended[slot], self._world)) < 0:
                self._extend(turn, i, _MORE * len(self._extended[slot][0]))
            tracks[i] = best
        return Answer(tracks)

    def end(self, turn: Turn) -> None:
        for slot in turn.slots.tolist():
            self._extended.pop(slot, None)

    def _extend(self, turn: Turn, i: int, size: int) -> None:
        """Give a session its `size` nearest tracks, or a few more if there are ties."""
        affinities = _affinities(self._world.embeddings, int(turn.tastes[i]))
        size = min(size, len(affinities))
        near = np.flatnonzero(affinities >= -np.partition(-affinities, size - 1)[size - 1])
        near = near[np.argsort(-affinities[near], kind="stable")]
        self._extended[int(turn.slots[i])] = near, _shares(turn, i, near, self._world)


class _WorldArrays(NamedTuple):
    embeddings: NDArray[np.float32]
    artist_of: NDArray[np.int32]
    n_artists: int
    hype: Floats
    hyped: Ints
    consume_bias: Floats
    consume_sharpness: Floats
    artist_discount_gamma: Floats


@compiled
def _affinities(embeddings: NDArray[np.float32], taste: int) -> Floats:
    """Affinity of every track of the catalog with one taste."""
    affinities = np.empty(len(embeddings))
    for track in range(len(embeddings)):
        affinities[track] = affinity(embeddings, track, taste)
    return affinities


@compiled
def _shares(turn: Turn, i: int, tracks: Ints, world: _WorldArrays) -> Floats:
    shares = np.empty(len(tracks))
    for k in range(len(tracks)):
        shares[k] = _share(turn, i, world, tracks[k])
    return shares


@compiled
def _best(turn: Turn, near: Ints, world: _WorldArrays) -> Ints:
    """The best of the hyped tracks and of each session's row of `near`, which is best first.

    -1 if a track beyond the row may be better.
    """
    tracks = np.full(len(turn.slots), -1)
    for i in range(len(turn.slots)):
        slot, n = turn.slots[i], turn.steps[i] + 1
        history, artists = turn.history[slot], turn.artists[slot]
        best, best_expected = -1, -1.0
        for k in range(-len(world.hyped), near.shape[1]):
            track = near[i, k] if k >= 0 else world.hyped[k]
            share = _share(turn, i, world, track)
            if k >= 0 and share <= best_expected:
                # The rest are no nearer, and no discount makes a play longer than its share.
                tracks[i] = best
                break
            if not contains(history, n, track):
                expected = share * _discount(
                    turn, i, world, count(artists, n, world.artist_of[track])
                )
                if expected > best_expected:
                    best, best_expected = track, expected
    return tracks


@compiled
def _best_extended(turn: Turn, i: int, near: Ints, shares: Floats, world: _WorldArrays) -> int:
    """`_best` for one session; if `near` is the whole catalog and all were played, the nearest."""
    slot, n = turn.slots[i], turn.steps[i] + 1
    # With so many candidates, looking up each in the session's plays would take longer.
    was_played = np.zeros(len(world.artist_of), np.bool_)
    plays = np.zeros(world.n_artists, np.int64)
    for j in range(n):
        was_played[turn.history[slot, j]] = True
        plays[turn.artists[slot, j]] += 1
    everything = len(near) == len(world.artist_of)
    best, best_expected = near[0] if everything else -1, -1.0
    for k in range(-len(world.hyped), len(near)):
        track = near[k] if k >= 0 else world.hyped[k]
        share = shares[k] if k >= 0 else _share(turn, i, world, track)
        if k >= 0 and share <= best_expected:
            return int(best)
        if not was_played[track]:
            expected = share * _discount(turn, i, world, plays[world.artist_of[track]])
            if expected > best_expected:
                best, best_expected = track, expected
    return int(best) if everything else -1


@compiled
def _share(turn: Turn, i: int, world: _WorldArrays, track: int) -> float:
    """Expected share of a track that is heard, before any discount."""
    row = turn.user_rows[i]
    near = affinity(world.embeddings, track, turn.tastes[i]) + world.hype[track]
    return expected_share(near, world.consume_bias[row], world.consume_sharpness[row])


@compiled
def _discount(turn: Turn, i: int, world: _WorldArrays, plays: int) -> float:
    return discount(world.artist_discount_gamma[turn.user_rows[i]], plays)
