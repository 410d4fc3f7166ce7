"""Sessions in flight, one slot each: the engine that every driver runs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.agent import Floats, Ints, Turn
from sim.history import times
from sim.jit import compiled
from sim.listener import affinity, listening_time
from sim.rng import LISTENER, Key, Streams, pick, uniforms
from sim.world import World

# Draws of a session's listener stream: who and what, where from, then one per step.
_WHO, _WHERE, _FIRST_STEP = 0, 1, 2


class Ended(NamedTuple):
    """Sessions that just ended; `rewards` sum the times of their recommended tracks."""

    episodes: Ints
    user_rows: Ints
    rewards: Floats
    steps: Ints


class _Truth(NamedTuple):
    """What of a world decides how sessions go, as compiled loops take it."""

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
    """The slots, as compiled loops take them: shape (slots,), the last two (slots, capacity)."""

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
    session is over once its `budget` is 0.
    """

    def __init__(self, world: World, slots: int, streams: Streams) -> None:
        users, (first_bounds, first_tracks) = world.users, world.first_tracks
        self._users = users
        self._key = streams.key
        self._truth = _Truth(
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
        self._hold(np.zeros((slots, 32), dtype=np.int32), np.zeros((slots, 32), dtype=np.int32))

    def start(self, slots: Ints, episodes: Ints) -> None:
        """Put a new session in each of the slots."""
        _start(self._state, self._truth, self._key, slots, episodes)
        self._longest = max(self._longest, 1)

    def listen(self, slots: Ints, tracks: Ints) -> None:
        """Each session plays the track it was given, and may lose patience."""
        if self._longest == self.history.shape[1]:
            self._hold(*(np.hstack([some, np.zeros_like(some)]) for some in self._plays))
        self._longest = max(
            self._longest, _listen(self._state, self._truth, self._key, slots, tracks)
        )

    def turn(self, slots: Ints) -> Turn:
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

    def ended(self, slots: Ints) -> Ended:
        return Ended(
            self.episode[slots], self.user_row[slots], self.reward[slots], self.steps[slots]
        )

    @property
    def _plays(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return self.history, self.artists

    def _hold(self, history: NDArray[np.int32], artists: NDArray[np.int32]) -> None:
        """Take arrays of plays, of whatever capacity."""
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
def _start(state: _State, truth: _Truth, key: Key, slots: Ints, episodes: Ints) -> None:
    # In two loops, as below, so that many waits for memory are under way at once.
    firsts = np.empty(len(slots), np.int64)
    for i in range(len(slots)):
        slot, episode = slots[i], episodes[i]
        who, what = uniforms(key, LISTENER, episode, _WHO)
        where, _ = uniforms(key, LISTENER, episode, _WHERE)
        row = int(who * len(truth.consume_bias))
        low, high = truth.interest_bounds[row], truth.interest_bounds[row + 1]
        interest = low + int(what * (high - low))
        near = min(truth.interest_neighbours[row], len(truth.artist_of))
        state.user_row[slot], state.taste[slot] = row, truth.interests[interest]
        firsts[i] = truth.first_of_interest[interest] + int(where * near)
    for i in range(len(slots)):
        slot, episode = slots[i], episodes[i]
        row, track = state.user_row[slot], truth.first_tracks[firsts[i]]
        state.episode[slot], state.budget[slot] = episode, truth.session_budget[row]
        state.steps[slot], state.reward[slot] = 0, 0.0
        state.track[slot], state.time[slot] = track, 1.0
        state.distinct[slot] = 1
        state.history[slot, 0], state.artists[slot, 0] = track, truth.artist_of[track]


@compiled
def _listen(state: _State, truth: _Truth, key: Key, slots: Ints, tracks: Ints) -> int:
    """Plays one track in each slot; returns the number of plays of the longest session."""
    longest = 0
    # Rows of the embeddings are far apart: to fetch them takes most of the time of a step.
    near = np.empty(len(slots))
    for i in range(len(slots)):
        near[i] = affinity(truth.embeddings, tracks[i], state.taste[slots[i]])
    for i in range(len(slots)):
        slot, track = slots[i], tracks[i]
        row, n = state.user_row[slot], state.steps[slot] + 1
        artist = truth.artist_of[track]
        time = 0.0
        if times(state.history[slot], n, track) == 0:
            time = listening_time(
                near[i] + truth.hype[track],
                truth.consume_bias[row],
                truth.consume_sharpness[row],
                truth.artist_discount_gamma[row],
                times(state.artists[slot], n, artist),
            )
            state.distinct[slot] += 1
        patience, _ = uniforms(key, LISTENER, state.episode[slot], _FIRST_STEP + n - 1)
        # Bored with probability 1 - time: never by a full play, always by none.
        if patience >= time:
            state.budget[slot] -= 1
        state.steps[slot] = n
        state.reward[slot] += time
        state.track[slot], state.time[slot] = track, time
        state.history[slot, n], state.artists[slot, n] = track, artist
        longest = max(longest, n + 1)
    return longest


def user_rows(streams: Streams, n_users: int, episodes: Ints) -> Ints:
    """The user of each episode: the first draw of its stream."""
    first, _ = streams.uniforms(LISTENER, episodes, _WHO)
    return pick(first, n_users)
