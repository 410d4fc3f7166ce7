"""The tastes of all users as arrays."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from offline.tastes import UserTastes


@dataclass(frozen=True, eq=False)
class TasteTable:
    """User u has the tastes `offsets[u]` to `offsets[u + 1]`; taste c the tracks
    `members[bounds[c] : bounds[c + 1]]`."""

    offsets: NDArray[np.int64]
    """Shape (n_users + 1,)."""
    weights: NDArray[np.float32]
    """Probability that a session of the user is of each taste, shape (n_tastes,)."""
    bounds: NDArray[np.int64]
    """Shape (n_tastes + 1,)."""
    members: NDArray[np.int32]
    """Positions among the model's known tracks, sorted within a taste."""

    @classmethod
    def build(cls, tastes: UserTastes, n_users: int) -> Self:
        """Users without a known track have no taste."""
        counts, sizes, weights, members = [0], [0], [], []
        for row in range(n_users):
            mine = [taste for taste in tastes.of(row) if len(taste.places)]
            counts.append(len(mine))
            for taste in mine:
                sizes.append(len(taste.places))
                weights.append(taste.weight)
                members.append(taste.places)
        return cls(
            np.cumsum(counts),
            np.array(weights, dtype=np.float32),
            np.cumsum(sizes),
            np.concatenate([np.empty(0, np.int64), *members]).astype(np.int32),
        )

    def __len__(self) -> int:
        """How many tastes, over all users."""
        return len(self.weights)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The taste of each of `members`."""
        return np.repeat(np.arange(len(self)), np.diff(self.bounds))

    def of(self, users: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The taste of each user that has the track in it; -1 where none has. Shapes (n,)."""
        span = int(self.members.max(initial=0)) + 1
        user_of = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        tastes = self.owners
        keys = user_of[tastes] * span + self.members
        order = np.argsort(keys, kind="stable")
        keys, tastes = keys[order], tastes[order]
        wanted = users * span + places
        at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        if not len(keys):
            return np.full(len(users), -1)
        found = (keys[at] == wanted) & (places >= 0) & (places < span)
        return np.where(found, tastes[at], -1)
