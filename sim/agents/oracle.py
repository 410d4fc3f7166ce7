"""The best answer there is: an agent that knows the truth."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Answer, Floats, Ints, Turn
from sim.history import played, times
from sim.jit import compiled
from sim.listener import affinity, discount, expected_share
from sim.world import World
from sim.world.nearest import nearest

# Candidates kept per taste, and how many times as many a session gets that outgrows them.
_NEAR, _MORE = 64, 8


class Oracle:
    """Knows the session's taste; answers the unseen track with the longest expected play.

    That is the nearest track by inner product, unless its artist's discount
    makes another one better. Greedy: no plan beyond the next track.
    """

    name = "oracle"
    sources = ("oracle",)

    def begin(self, world: World, slots: int) -> None:
        users = world.users
        self._taste_rows = world.taste_rows
        self._near = nearest(world.embeddings, world.tastes, min(_NEAR, len(world.catalog)))
        self._truth = _Truth(
            world.embeddings,
            world.catalog.artist_of,
            len(world.catalog.artists),
            world.hype,
            np.flatnonzero(world.hype),
            users.consume_bias,
            users.consume_sharpness,
            users.artist_discount_gamma,
        )
        # What sessions got that outgrew those: nearest tracks and their shares, by slot.
        self._grown: dict[int, tuple[Ints, Floats]] = {}

    def recommend(self, turn: Turn) -> Answer:
        tracks = _best(turn, self._near[self._taste_rows[turn.tastes]], self._truth)
        for i in np.flatnonzero(tracks < 0).tolist():
            slot = int(turn.slots[i])
            if slot not in self._grown:
                self._grow(turn, i, _MORE * self._near.shape[1])
            while (best := _best_grown(turn, i, *self._grown[slot], self._truth)) < 0:
                self._grow(turn, i, _MORE * len(self._grown[slot][0]))
            tracks[i] = best
        return Answer(tracks)

    def end(self, turn: Turn) -> None:
        for slot in turn.slots.tolist():
            self._grown.pop(slot, None)

    def _grow(self, turn: Turn, i: int, size: int) -> None:
        """Give a session its `size` nearest tracks or a few more, ties by track id."""
        affinities = _affinities(self._truth.embeddings, int(turn.tastes[i]))
        size = min(size, len(affinities))
        near = np.flatnonzero(affinities >= -np.partition(-affinities, size - 1)[size - 1])
        near = near[np.argsort(-affinities[near], kind="stable")]
        self._grown[int(turn.slots[i])] = near, _shares(turn, i, near, self._truth)


class _Truth(NamedTuple):
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
    """Affinity of the whole catalog with one taste."""
    found = np.empty(len(embeddings))
    for track in range(len(embeddings)):
        found[track] = affinity(embeddings, track, taste)
    return found


@compiled
def _shares(turn: Turn, i: int, tracks: Ints, truth: _Truth) -> Floats:
    found = np.empty(len(tracks))
    for k in range(len(tracks)):
        found[k] = _share(turn, i, truth, tracks[k])
    return found


@compiled
def _best(turn: Turn, near: Ints, truth: _Truth) -> Ints:
    """The best track of the hyped ones and each session's row of `near`, which is best first.

    -1 where one beyond the row may be better.
    """
    tracks = np.full(len(turn.slots), -1)
    for i in range(len(turn.slots)):
        slot, n = turn.slots[i], turn.steps[i] + 1
        history, artists = turn.history[slot], turn.artists[slot]
        best, best_worth = -1, -1.0
        for k in range(-len(truth.hyped), near.shape[1]):
            track = near[i, k] if k >= 0 else truth.hyped[k]
            share = _share(turn, i, truth, track)
            if k >= 0 and share <= best_worth:
                # Those that follow are no nearer, and nothing is heard for longer than its share.
                tracks[i] = best
                break
            if not played(history, n, track):
                worth = share * _discount(
                    turn, i, truth, times(artists, n, truth.artist_of[track])
                )
                if worth > best_worth:
                    best, best_worth = track, worth
    return tracks


@compiled
def _best_grown(turn: Turn, i: int, near: Ints, shares: Floats, truth: _Truth) -> int:
    """The same for one session; with the whole catalog near, the nearest once all were played."""
    slot, n = turn.slots[i], turn.steps[i] + 1
    # So many candidates that looking each up in the session's plays would take longer.
    heard = np.zeros(len(truth.artist_of), np.bool_)
    plays = np.zeros(truth.n_artists, np.int64)
    for j in range(n):
        heard[turn.history[slot, j]] = True
        plays[turn.artists[slot, j]] += 1
    everything = len(near) == len(truth.artist_of)
    best, best_worth = near[0] if everything else -1, -1.0
    for k in range(-len(truth.hyped), len(near)):
        track = near[k] if k >= 0 else truth.hyped[k]
        share = shares[k] if k >= 0 else _share(turn, i, truth, track)
        if k >= 0 and share <= best_worth:
            return int(best)
        if not heard[track]:
            worth = share * _discount(turn, i, truth, plays[truth.artist_of[track]])
            if worth > best_worth:
                best, best_worth = track, worth
    return int(best) if everything else -1


@compiled
def _share(turn: Turn, i: int, truth: _Truth, track: int) -> float:
    """Expected play of a track before any discount."""
    row = turn.user_rows[i]
    near = affinity(truth.embeddings, track, turn.tastes[i]) + truth.hype[track]
    return expected_share(near, truth.consume_bias[row], truth.consume_sharpness[row])


@compiled
def _discount(turn: Turn, i: int, truth: _Truth, plays: int) -> float:
    return discount(truth.artist_discount_gamma[turn.user_rows[i]], plays)
