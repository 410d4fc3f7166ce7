"""The true share that listeners would hear of each track, and lists made from it."""

import numpy as np
from numpy.typing import NDArray

from offline.lists.greedy import greedy_list
from sim.world import World
from sim.world.nearest import nearest

_CANDIDATES = 600

Tracks = NDArray[np.int32]


class Truth:
    """Of all the users of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        bounds = world.users.bounds
        self.interests = np.full((len(world.users), np.diff(bounds).max()), -1)
        """The tastes of each user, shape (users, most tastes), padded with -1."""
        for user, row in enumerate(self.interests):
            mine = world.users.interests[bounds[user] : bounds[user + 1]]
            row[: len(mine)] = mine
        self._near = nearest(world.embeddings, world.tastes, min(_CANDIDATES, len(world.catalog)))

    def shares(self, user: int, tracks: NDArray[np.integer]) -> NDArray[np.float64]:
        """Share of each track heard in a session of each of the user's tastes, no artist twice.

        Shape (tastes, len(tracks)); tracks of -1 are not heard.
        """
        mine, theirs = (
            self._world.embeddings[some].astype(np.float64)
            for some in (self._tastes(user), tracks)
        )
        near = mine @ theirs.T + self._world.hype[tracks]
        users = self._world.users
        logits = (near - users.consume_bias[user]) * users.consume_sharpness[user]
        found = 1.0 / (1.0 + np.exp(-np.clip(logits, -700, 700)))
        return np.where(tracks >= 0, found, 0.0)

    def lists(self, length: int, among: Tracks | None = None) -> Tracks:
        """The greedy list of each user by true shares; `among`: each user's candidates.

        Greedy, so not quite the best that one list could be.
        """
        out = np.full((len(self.interests), length), -1, dtype=np.int32)
        for user in range(len(out)):
            every = np.arange(len(self._tastes(user)))
            out[user] = self._greedy_list(
                user, every, None if among is None else among[user], length
            )
        return out

    def taste_lists(self, length: int) -> Tracks:
        """The same for each taste alone, shape (users, most tastes, length), padded with -1."""
        out = np.full((*self.interests.shape, length), -1, dtype=np.int32)
        for user in range(len(out)):
            for taste in range(len(self._tastes(user))):
                out[user, taste] = self._greedy_list(user, np.array([taste]), None, length)
        return out

    def _tastes(self, user: int) -> NDArray[np.int64]:
        mine: NDArray[np.int64] = self.interests[user]
        return mine[mine >= 0]

    def _greedy_list(
        self, user: int, tastes: NDArray[np.int64], among: Tracks | None, n: int
    ) -> Tracks:
        world = self._world
        if among is None:
            rows = world.taste_rows[self.interests[user, tastes]]
            # Three times the list: artists have to be spread.
            candidates = np.unique(self._near[rows, : 3 * n])
        else:
            candidates = np.unique(among[among >= 0])
        artists = np.unique(world.catalog.artist_of[candidates], return_inverse=True)[1]
        order = greedy_list(
            self.shares(user, candidates)[tastes],
            np.full(len(tastes), 1.0 / len(tastes)),
            artists,
            float(world.users.artist_discount_gamma[user]),
            float(world.users.session_budget[user]),
            n,
        )
        out = np.full(n, -1, dtype=np.int32)
        out[: len(order)] = candidates[order]
        return out
