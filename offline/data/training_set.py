"""What a model learns from and lists are made for, wherever it lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from offline.data.interactions import Interactions
from offline.data.matrix import INDPTR, InteractionMatrix


def rows_of(known: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each of `ids` stands in the sorted ids `known`; -1 for one that is not there."""
    if not len(known):
        return np.full(len(ids), -1)
    rows = np.searchsorted(known, ids)
    rows[rows == len(known)] = 0
    return np.where(known[rows] == ids, rows, -1)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Who liked what, and who else is there."""

    histories: InteractionMatrix
    users: npt.NDArray[np.int64]
    """The id of each row of `histories`, sorted."""
    all_users: npt.NDArray[np.int64]
    """Ids of everybody who is to have a list, sorted; `users` are among them."""
    fingerprint: str
    threshold: float | None = None
    """The share of a play above which its track is liked; None: the data does not say."""

    @classmethod
    def of(cls, interactions: Interactions, n_tracks: int) -> Self:
        """What `collect` wrote. Raises InputError where a track is not below `n_tracks`."""
        return cls(
            InteractionMatrix.of(interactions.matrix(n_tracks)),
            interactions.users,
            interactions.all_users,
            interactions.summary.fingerprint,
            interactions.summary.threshold,
        )

    @classmethod
    def open(cls, directory: Path, n_tracks: int | None) -> Self:
        """A directory that `collect` wrote, or one of arrays (see `InteractionMatrix.open`).

        Arrays know their number of tracks, and their users are 0 to n-1; for the other kind
        `n_tracks` is needed. Raises InputError for what cannot be read or does not fit.
        """
        if (directory / INDPTR).exists():
            histories = InteractionMatrix.open(directory, n_tracks)
            users = np.arange(len(histories))
            return cls(histories, users, users, histories.fingerprint())
        interactions = Interactions.load(directory)
        return cls.of(
            interactions, int(interactions.track.max()) + 1 if n_tracks is None else n_tracks
        )
