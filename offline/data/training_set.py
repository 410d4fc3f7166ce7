"""The training set: users' likes, and all users who get a list."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from offline.data.events import Events
from offline.data.ids import Ids
from offline.data.interactions import Interactions
from offline.data.matrix import INDPTR, InteractionMatrix

MUSIC = "botify-log"
"""The format of interactions whose users and items are the numbers of the music protocol."""


def rows_of(known: npt.NDArray[Any], ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The position of each of `ids` in the sorted ids `known`; -1 for unknown ids."""
    if not len(known):
        return np.full(len(ids), -1)
    rows = np.searchsorted(known, ids)
    rows[rows == len(known)] = 0
    return np.where(known[rows] == ids, rows, -1)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The data that a model is trained on, users' likes; and all users who get a list.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import TrainingSet, collect
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> _ = collect(["data.json"], "interactions")
    >>> data = TrainingSet.open(Path("interactions"), n_tracks=10)
    >>> data.users, len(data.histories), data.threshold
    (array([5]), 1, 0.8)
    """

    histories: InteractionMatrix
    users: npt.NDArray[Any]
    """The id of each row of `histories`, sorted: int64, or text."""
    all_users: npt.NDArray[Any]
    """Ids of all users who get a list, sorted; includes `users`."""
    fingerprint: str
    threshold: float | None = None
    """The share of a play above which its track is liked; None: the data does not say."""
    timestamps: npt.NDArray[np.int64] | None = None
    """When each entry of `histories` came to be, ms since the epoch; None: not known."""
    items: Ids | None = None
    """The owner's id of each column of `histories`; None: its number, as in a music catalog."""
    titles: pa.Array | None = None
    """The title of each column, some of them null; None: not known."""
    read_events: Callable[[], Events] | None = None
    """Reads every event, users and items numbered as in `histories`; None: these are all."""

    def events(self) -> Events:
        """What happened when, by user and time; without times all of a user at one time.

        Where no events are known, one of kind "like" for each entry of `histories`.
        """
        if self.read_events is not None:
            return self.read_events()
        matrix = self.matrix
        users = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        times = np.zeros(len(users), np.int64) if self.timestamps is None else self.timestamps
        kind = np.zeros(len(users), np.int16)
        return Events.of(users, matrix.indices.astype(np.int64), kind, times, ("like",))

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """All histories in memory, float32, ids sorted in each row: shape (n_users, n_items)."""
        found = self.histories.take(np.arange(len(self.histories)))
        if self.timestamps is None:  # where there are, entries are sorted and lie beside them
            found.sort_indices()
        return found

    def times(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """The timestamps of the entries of `histories.take(rows)`, in their order."""
        if self.timestamps is None:
            return None
        bounds = self.histories.indptr
        parts = [self.timestamps[bounds[row] : bounds[row + 1]] for row in rows.tolist()]
        return np.concatenate(parts) if parts else self.timestamps[:0]

    @classmethod
    def of(cls, interactions: Interactions, n_tracks: int) -> Self:
        """From interactions in memory.

        Parameters
        ----------
        interactions : Interactions
        n_tracks : int
            Size of the catalog.

        Returns
        -------
        TrainingSet

        Raises
        ------
        InputError
            Where a track is not below `n_tracks`.
        """
        matrix, liked = interactions.matrix(n_tracks), interactions.likes()
        # A user without a like is nothing to learn from.
        known = np.flatnonzero(np.diff(matrix.indptr))
        has_times = interactions.timestamp is not None
        ids, music = interactions.users.values, interactions.summary.format == MUSIC
        return cls(
            InteractionMatrix.of(matrix[known]),
            ids[known],
            ids,
            interactions.summary.fingerprint,
            interactions.summary.threshold,
            timestamps=liked.timestamp,
            items=None if music else interactions.items,
            titles=interactions.titles,
            read_events=partial(_events, interactions, known) if has_times and not music else None,
        )

    @classmethod
    def open(cls, directory: Path, n_tracks: int | None) -> Self:
        """From what `collect` or `import` wrote, or arrays (see `InteractionMatrix.open`).

        Parameters
        ----------
        directory : Path
        n_tracks : int or None
            Size of the catalog. Arrays say it themselves, and their users are 0 to n-1; for other
            directories None means all their items.

        Returns
        -------
        TrainingSet

        Raises
        ------
        InputError
            For what cannot be read, and for sizes that do not agree.
        """
        if (directory / INDPTR).exists():
            histories = InteractionMatrix.open(directory, n_tracks)
            users = np.arange(len(histories))
            return cls(histories, users, users, histories.fingerprint())
        interactions = Interactions.load(directory)
        return cls.of(interactions, len(interactions.items) if n_tracks is None else n_tracks)


def _events(interactions: Interactions, known: npt.NDArray[np.int64]) -> Events:
    """The events of the users that are `known`, numbered by their place among these."""
    events = interactions.events()
    rows = rows_of(known, events.user)
    events = events.where(rows >= 0)
    return replace(events, user=rows[rows >= 0])
