"""The best answer there is: an agent that knows the truth."""

import numpy as np
from numpy.typing import NDArray

from sim.agents.base import Answer, Floats, Ints, Turn
from sim.world import World
from sim.world.model import nearest

# Candidates kept per taste; a session that outgrows them looks at the catalog.
_NEAR = 64


class Oracle:
    """Knows the session's taste; answers the unseen track with the longest expected play.

    That is the nearest track by inner product, unless its artist's discount
    makes another one better. Greedy: no plan beyond the next track.
    """

    name = "oracle"
    one_session_per_user = False

    def begin(self, world: World, slots: int) -> None:
        self._world = world
        self._artist_of = world.catalog.artist_of
        self._near = nearest(world.embeddings, world.tastes, min(_NEAR, len(world.catalog)))
        self._affinity = np.einsum(
            "tkd,td->tk", world.embeddings[self._near], world.embeddings[world.tastes]
        )
        # Affinity of the whole catalog with a session's taste, filled when it is first needed.
        self._catalog = np.zeros((slots, len(world.catalog)), dtype=np.float32)
        self._filled_for = np.full(slots, -1, dtype=np.int64)

    def recommend(self, turn: Turn) -> Answer:
        rows = np.arange(len(turn.slots))
        taste = np.searchsorted(self._world.tastes, turn.tastes)
        near, affinity = self._near[taste], self._affinity[taste]
        plays = turn.artist_plays[turn.slots[:, None], self._artist_of[near]]
        share = self._share(turn, rows, affinity)
        worth = self._worth(turn, rows, share, plays, turn.heard[turn.slots[:, None], near])
        best = worth.argmax(axis=1)
        tracks = near[rows, best]
        # No track outside the candidates is nearer than the last of them.
        for row in np.flatnonzero(worth[rows, best] < share[:, -1]).tolist():
            tracks[row] = self._search(turn, row)
        return Answer(tracks)

    def _share(self, turn: Turn, rows: Ints, affinity: NDArray[np.float32]) -> Floats:
        """Expected play of each candidate before any discount; shape of `affinity`."""
        users, user = self._world.users, turn.user_rows[rows, None]
        logit = (users.consume_bias[user] - affinity) * users.consume_sharpness[user]
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(logit, -700.0, 700.0))))

    def _worth(
        self,
        turn: Turn,
        rows: Ints,
        share: Floats,
        plays: NDArray[np.int32],
        heard: NDArray[np.bool_],
    ) -> Floats:
        gamma = self._world.users.artist_discount_gamma[turn.user_rows[rows, None]]
        return np.where(heard, -1.0, share * gamma**plays)

    def _search(self, turn: Turn, row: int) -> int:
        slot = turn.slots[row]
        if self._filled_for[slot] != turn.episodes[row]:
            self._filled_for[slot] = turn.episodes[row]
            embeddings = self._world.embeddings
            np.matmul(embeddings, embeddings[turn.tastes[row]], out=self._catalog[slot])
        rows = np.array([row])
        share = self._share(turn, rows, self._catalog[slot : slot + 1])
        plays = turn.artist_plays[slot, self._artist_of]
        return int(self._worth(turn, rows, share, plays, turn.heard[slot]).argmax())

    def end(self, turn: Turn) -> None:
        pass
