"""Simpler implementations of the engine: the protocol's listeners under random tracks.

Each plays sessions with a recommender that draws uniformly over the catalog,
and returns the rewards and the steps of the sessions.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.world import World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Track:
    track: int
    artist: int
    embedding: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class User:
    interests: list[Track]
    bias: float
    sharpness: float
    gamma: float
    budget: int
    neighbours: int


class Loop:
    """One session at a time over Python objects, with one small NumPy product a step."""

    def __init__(self, world: World, seed: int, *, find_nearest: bool) -> None:
        """`find_nearest`: search the catalog when a session starts, not in a list made before."""
        users = world.users
        artists = world.catalog.artist_of.tolist()
        self._random = Random(seed)
        self._embeddings = world.embeddings
        self._tracks = [Track(t, artists[t], row) for t, row in enumerate(world.embeddings)]
        interests = users.interests.tolist()
        self._users = [
            User(
                [self._tracks[t] for t in interests[users.bounds[row] : users.bounds[row + 1]]],
                float(users.consume_bias[row]),
                float(users.consume_sharpness[row]),
                float(users.artist_discount_gamma[row]),
                int(users.session_budget[row]),
                min(int(users.interest_neighbours[row]), len(artists)),
            )
            for row in range(len(users))
        ]
        self._near: dict[int, Sequence[int]] = {}
        if not find_nearest:
            bounds, near = world.first_tracks
            for row, taste in enumerate(world.tastes.tolist()):
                self._near[taste] = near[bounds[row] : bounds[row + 1]].tolist()

    def play(self, sessions: int) -> tuple[Floats, Ints]:
        played = [self._session() for _ in range(sessions)]
        return np.array([reward for reward, _ in played]), np.array([steps for _, steps in played])

    def _session(self) -> tuple[float, int]:
        user = self._random.choice(self._users)
        taste = self._random.choice(user.interests)
        first = self._tracks[self._random.choice(self._nearest(taste, user.neighbours))]
        heard, artists = {first.track}, Counter([first.artist])
        budget, reward, steps = user.budget, 0.0, 0
        while budget > 0:
            track = self._random.choice(self._tracks)
            time = 0.0
            if track.track not in heard:
                affinity = float(np.dot(track.embedding, taste.embedding))
                share = 1.0 / (1.0 + math.exp((user.bias - affinity) * user.sharpness))
                time = round(share * user.gamma ** artists[track.artist], 2)
            if self._random.random() >= time:
                budget -= 1
            heard.add(track.track)
            artists[track.artist] += 1
            reward += time
            steps += 1
        return reward, steps

    def _nearest(self, taste: Track, k: int) -> Sequence[int]:
        if self._near:
            return self._near[taste.track][:k]
        near: list[int] = np.argpartition(self._embeddings @ -taste.embedding, k - 1)[:k].tolist()
        return near


class _Batch(NamedTuple):
    """Sessions in flight, a row each; `tracks` and `artists` of their plays end with -1."""

    user: Ints
    taste: Ints
    budget: Ints
    steps: Ints
    reward: Floats
    tracks: NDArray[np.int32]
    artists: NDArray[np.int32]


def lockstep(
    world: World, sessions: int, rng: np.random.Generator, batch: int = 4096
) -> tuple[Floats, Ints]:
    """Many sessions at a time in plain NumPy; a session that ends makes room for the next."""
    users, embeddings, artist_of = world.users, world.embeddings, world.catalog.artist_of
    now = _begin(world, min(batch, sessions), rng, 32)
    begun = len(now.user)
    rewards, steps = [], []
    while len(now.user):
        every = np.arange(len(now.user))
        track = rng.integers(len(artist_of), size=len(every), dtype=np.int32)
        artist = artist_of[track]
        longest = now.steps.max() + 1
        if longest == now.tracks.shape[1]:
            tracks, artists = (
                np.pad(plays, ((0, 0), (0, longest)), constant_values=-1)
                for plays in (now.tracks, now.artists)
            )
            now = now._replace(tracks=tracks, artists=artists)

        affinity = np.einsum("ij,ij->i", embeddings[track], embeddings[now.taste])
        logit = (affinity - users.consume_bias[now.user]) * users.consume_sharpness[now.user]
        plays = (now.artists[:, :longest] == artist[:, None]).sum(axis=1)
        discount = users.artist_discount_gamma[now.user] ** plays
        heard = (now.tracks[:, :longest] == track[:, None]).any(axis=1)
        time = np.where(heard, 0.0, np.round(discount / (1.0 + np.exp(-logit)), 2))

        now.steps[:] += 1
        now.reward[:] += time
        now.budget[:] -= rng.random(len(every)) >= time
        now.tracks[every, now.steps] = track
        now.artists[every, now.steps] = artist

        over = np.flatnonzero(now.budget == 0)
        rewards.append(now.reward[over])
        steps.append(now.steps[over])
        new = _begin(world, min(len(over), sessions - begun), rng, now.tracks.shape[1])
        begun += len(new.user)
        filled, empty = over[: len(new.user)], over[len(new.user) :]
        columns: list[NDArray[Any]] = list(now)
        for column, fresh in zip(columns, new, strict=True):
            column[filled] = fresh
        if len(empty):
            now = _Batch._make(np.delete(column, empty, axis=0) for column in columns)
    return np.concatenate(rewards), np.concatenate(steps)


def _begin(world: World, n: int, rng: np.random.Generator, width: int) -> _Batch:
    """`n` new sessions, with room for this number of plays."""
    users, (bounds, near) = world.users, world.first_tracks
    user = rng.integers(len(users), size=n)
    taste = users.interests[rng.integers(users.bounds[user], users.bounds[user + 1])]
    choices = np.minimum(users.interest_neighbours[user], len(world.catalog))
    tracks, artists = np.full((n, width), -1, np.int32), np.full((n, width), -1, np.int32)
    tracks[:, 0] = near[bounds[world.taste_rows[taste]] + rng.integers(choices)]
    artists[:, 0] = world.catalog.artist_of[tracks[:, 0]]
    return _Batch(
        user,
        taste,
        users.session_budget[user],
        np.zeros(n, np.int64),
        np.zeros(n),
        tracks,
        artists,
    )
