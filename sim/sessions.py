"""Sessions in flight, one slot each: the engine that every driver runs."""

from typing import NamedTuple

import numpy as np

from sim.agents.base import Floats, Ints, Turn
from sim.listener import affinities, listening_time
from sim.streams import LISTENER, Streams, pick
from sim.world import World

# Draws of a session's listener stream: who and what, where from, then one per step.
_WHO, _WHERE, _FIRST_STEP = 0, 1, 2


class Ended(NamedTuple):
    """Sessions that just ended; `rewards` sum the times of their recommended tracks."""

    episodes: Ints
    user_rows: Ints
    rewards: Floats
    steps: Ints


class Sessions:
    """State of the sessions in flight, one slot each."""

    def __init__(self, world: World, slots: int, streams: Streams) -> None:
        self._world = world
        self._streams = streams
        n_tracks = len(world.catalog)
        self.episode = np.full(slots, -1, dtype=np.int64)
        self.steps = np.zeros(slots, dtype=np.int64)
        self.user_row = np.zeros(slots, dtype=np.int64)
        self.taste = np.zeros(slots, dtype=np.int64)
        self.track = np.zeros(slots, dtype=np.int64)
        self.time = np.ones(slots)
        self.budget = np.zeros(slots, dtype=np.int64)
        self.reward = np.zeros(slots)
        self.heard = np.zeros((slots, n_tracks), dtype=np.bool_)
        self.artist_plays = np.zeros((slots, len(world.catalog.artists)), dtype=np.int32)

    def start(self, slots: Ints, episodes: Ints) -> None:
        """Put a new session in each of the slots."""
        users, (bounds, first_tracks) = self._world.users, self._world.first_tracks
        who, second = self._streams.uniforms(LISTENER, episodes, _WHO)
        rows = pick(who, len(users))
        third, _ = self._streams.uniforms(LISTENER, episodes, _WHERE)
        low, high = users.bounds[rows], users.bounds[rows + 1]
        taste = users.interests[low + pick(second, high - low)]
        near = np.minimum(users.interest_neighbours[rows], len(self._world.catalog))
        first = first_tracks[
            bounds[np.searchsorted(self._world.tastes, taste)] + pick(third, near)
        ]
        self.heard[slots] = False
        self.artist_plays[slots] = 0
        self.episode[slots], self.user_row[slots] = episodes, rows
        self.taste[slots], self.budget[slots] = taste, users.session_budget[rows]
        self.steps[slots], self.reward[slots] = 0, 0.0
        self._play(slots, first, np.ones(len(slots)))

    def listen(self, slots: Ints, tracks: Ints) -> None:
        """Each session plays the track it was given, and may lose patience."""
        world, rows = self._world, self.user_row[slots]
        users = world.users
        plays = self.artist_plays[slots, world.catalog.artist_of[tracks]]
        times = listening_time(
            affinities(world.embeddings, tracks, self.taste[slots]),
            users.consume_bias[rows],
            users.consume_sharpness[rows],
            users.artist_discount_gamma[rows] ** plays,
            self.heard[slots, tracks],
        )
        patience, _ = self._streams.uniforms(
            LISTENER, self.episode[slots], _FIRST_STEP + self.steps[slots]
        )
        # Bored with probability 1 - time: never by a full play, always by none.
        self.budget[slots] -= patience >= times
        self.steps[slots] += 1
        self.reward[slots] += times
        self._play(slots, tracks, times)

    def _play(self, slots: Ints, tracks: Ints, times: Floats) -> None:
        self.track[slots], self.time[slots] = tracks, times
        self.heard[slots, tracks] = True
        self.artist_plays[slots, self._world.catalog.artist_of[tracks]] += 1

    def turn(self, slots: Ints) -> Turn:
        rows = self.user_row[slots]
        return Turn(
            slots,
            self.episode[slots],
            self.steps[slots],
            rows,
            self._world.users.ids[rows],
            self.track[slots],
            self.time[slots],
            self.taste[slots],
            self.heard,
            self.artist_plays,
        )

    def ended(self, slots: Ints) -> Ended:
        return Ended(
            self.episode[slots], self.user_row[slots], self.reward[slots], self.steps[slots]
        )


def user_rows(streams: Streams, n_users: int, episodes: Ints) -> Ints:
    """The user of each episode: the first draw of its stream."""
    first, _ = streams.uniforms(LISTENER, episodes, _WHO)
    return pick(first, n_users)
