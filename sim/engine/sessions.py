"""Sessions in flight, one slot each: the engine under every way to play."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Turn
from sim.arrays import Floats, Ints
from sim.history import count
from sim.jit import compiled
from sim.listener import affinity, listening_time
from sim.rng import LISTENER, Key, Streams, pick, uniforms
from sim.world import World

# Draws of a session's listener stream: user and taste, first track, then one per step.
_USER_DRAW, _START_DRAW, _FIRST_STEP_DRAW = 0, 1, 2


class EndedSessions(NamedTuple):
    """Sessions that just ended; arrays of shape (n,).

    Attributes
    ----------
    episodes : int64
        Number of each session within the run of its seed.
    user_rows : int64
        Row of its listener in `world.users`.
    rewards : float64
        Sum of the shares heard of its recommended tracks.
    steps : int64
        Number of tracks recommended in it.
    """

    episodes: Ints
    user_rows: Ints
    rewards: Floats
    steps: Ints


class _WorldArrays(NamedTuple):
    """The arrays of a world that decide how sessions go, for compiled loops."""

    embeddings: NDArray[np.float32]
    artist_of: NDArray[np.int32]
    hype: Floats
    interest_bounds: Ints
    interests: Ints
    first_tracks: Ints
    first_of_interest: Ints
    interest_neighbours: Ints
    session_budget: Ints
    consume_bias: Floats
    consume_sharpness: Floats
    artist_discount_gamma: Floats


class _State(NamedTuple):
    """The slots, for compiled loops: shape (slots,), the last two (slots, capacity)."""

    episode: Ints
    steps: Ints
    user_row: Ints
    taste: Ints
    track: Ints
    time: Floats
    budget: Ints
    reward: Floats
    distinct: Ints
    history: NDArray[np.int32]
    artists: NDArray[np.int32]


class Sessions:
    """State of the sessions in flight: arrays of shape (slots,).

    `track` and `time` are the last play and the share of it that was heard; a
    session is over once its `budget` is 0. `history` and `artists`, of shape
    (slots, capacity), are the tracks played and their artists.
    """

    def __init__(self, world: World, slots: int, streams: Streams) -> None:
        users, (first_bounds, first_tracks) = world.users, world.first_tracks
        self._users = users
        self._key = streams.key
        self._world = _WorldArrays(
            world.embeddings,
            world.catalog.artist_of,
            world.hype,
            users.bounds,
            users.interests,
            first_tracks,
            first_bounds[world.taste_rows[users.interests]],
            users.interest_neighbours,
            users.session_budget,
            users.consume_bias,
            users.consume_sharpness,
            users.artist_discount_gamma,
        )
        self.episode = np.full(slots, -1, dtype=np.int64)
        self.steps = np.zeros(slots, dtype=np.int64)
        self.user_row = np.zeros(slots, dtype=np.int64)
        self.taste = np.zeros(slots, dtype=np.int64)
        self.track = np.zeros(slots, dtype=np.int64)
        self.time = np.ones(slots)
        self.budget = np.zeros(slots, dtype=np.int64)
        self.reward = np.zeros(slots)
        self.distinct = np.zeros(slots, dtype=np.int64)
        self._longest = 0
        self._set_plays(
            np.zeros((slots, 32), dtype=np.int32), np.zeros((slots, 32), dtype=np.int32)
        )

    def start(self, slots: Ints, episodes: Ints) -> None:
        """Put a new session into each of the slots."""
        _start(self._state, self._world, self._key, slots, episodes)
        self._longest = max(self._longest, 1)

    def listen(self, slots: Ints, tracks: Ints) -> None:
        """Each session plays its recommended track, and may lose a unit of its budget."""
        if self._longest == self.history.shape[1]:
            self._set_plays(*(np.hstack([plays, np.zeros_like(plays)]) for plays in self._plays))
        self._longest = max(
            self._longest, _listen(self._state, self._world, self._key, slots, tracks)
        )

    def turn(self, slots: Ints) -> Turn:
        """The state of the sessions in these slots, for a recommender."""
        rows = self.user_row[slots]
        return Turn(
            slots,
            self.episode[slots],
            self.steps[slots],
            rows,
            self._users.ids[rows],
            self.track[slots],
            self.time[slots],
            self.taste[slots],
            self.distinct[slots],
            self.history,
            self.artists,
        )

    def ended(self, slots: Ints) -> EndedSessions:
        """The results of the sessions in these slots."""
        return EndedSessions(
            self.episode[slots], self.user_row[slots], self.reward[slots], self.steps[slots]
        )

    @property
    def _plays(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return self.history, self.artists

    def _set_plays(self, history: NDArray[np.int32], artists: NDArray[np.int32]) -> None:
        """Use these arrays of plays, of any capacity."""
        self.history, self.artists = history, artists
        self._state = _State(
            self.episode,
            self.steps,
            self.user_row,
            self.taste,
            self.track,
            self.time,
            self.budget,
            self.reward,
            self.distinct,
            history,
            artists,
        )


@compiled
def _start(state: _State, world: _WorldArrays, key: Key, slots: Ints, episodes: Ints) -> None:
    # In two loops, as below, so that many memory accesses are in flight at once.
    firsts = np.empty(len(slots), np.int64)
    for i in range(len(slots)):
        slot, episode = slots[i], episodes[i]
        user_uniform, taste_uniform = uniforms(key, LISTENER, episode, _USER_DRAW)
        start_uniform, _ = uniforms(key, LISTENER, episode, _START_DRAW)
        row = int(user_uniform * len(world.consume_bias))
        low, high = world.interest_bounds[row], world.interest_bounds[row + 1]
        interest = low + int(taste_uniform * (high - low))
        n_nearest = min(world.interest_neighbours[row], len(world.artist_of))
        state.user_row[slot], state.taste[slot] = row, world.interests[interest]
        firsts[i] = world.first_of_interest[interest] + int(start_uniform * n_nearest)
    for i in range(len(slots)):
        slot, episode = slots[i], episodes[i]
        row, track = state.user_row[slot], world.first_tracks[firsts[i]]
        state.episode[slot], state.budget[slot] = episode, world.session_budget[row]
        state.steps[slot], state.reward[slot] = 0, 0.0
        state.track[slot], state.time[slot] = track, 1.0
        state.distinct[slot] = 1
        state.history[slot, 0], state.artists[slot, 0] = track, world.artist_of[track]


@compiled
def _listen(state: _State, world: _WorldArrays, key: Key, slots: Ints, tracks: Ints) -> int:
    """Play one track in each slot; returns the number of plays of the longest session."""
    longest = 0
    # Rows of the embeddings are far apart in memory: fetching them takes most of a step's time.
    affinities = np.empty(len(slots))
    for i in range(len(slots)):
        affinities[i] = affinity(world.embeddings, tracks[i], state.taste[slots[i]])
    for i in range(len(slots)):
        slot, track = slots[i], tracks[i]
        row, n = state.user_row[slot], state.steps[slot] + 1
        artist = world.artist_of[track]
        time = 0.0
        if count(state.history[slot], n, track) == 0:
            time = listening_time(
                affinities[i] + world.hype[track],
                world.consume_bias[row],
                world.consume_sharpness[row],
                world.artist_discount_gamma[row],
                count(state.artists[slot], n, artist),
            )
            state.distinct[slot] += 1
        uniform, _ = uniforms(key, LISTENER, state.episode[slot], _FIRST_STEP_DRAW + n - 1)
        # The budget falls with probability 1 - time: never after a full play, always after none.
        if uniform >= time:
            state.budget[slot] -= 1
        state.steps[slot] = n
        state.reward[slot] += time
        state.track[slot], state.time[slot] = track, time
        state.history[slot, n], state.artists[slot, n] = track, artist
        longest = max(longest, n + 1)
    return longest


def user_rows(streams: Streams, n_users: int, episodes: Ints) -> Ints:
    """The user of each episode: the first draw of its stream."""
    first, _ = streams.uniforms(LISTENER, episodes, _USER_DRAW)
    return pick(first, n_users)
