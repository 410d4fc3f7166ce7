"""Interactions of users with items: the data that models are trained on.

A directory of interactions, which `collect` and `import` write, holds

- `interactions.parquet`: `user`, `item`, `value`, `timestamp` (ms, or null), `kind`; one row for
  each user, item and kind, sorted by them. `user` and `item` are row numbers of
- `users.parquet` (`id`) and `items.parquet` (`id`, `title`, other fields of the source): the ids
  that the data's owner uses, whole numbers or text;
- `events.parquet`, where a user, item and kind are there several times: every event, with time;
- `plays.parquet` of a music log: user, session, position, track, time, as in the log;
- `interactions.json`: how they came to be, `Summary`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from contract.interactions import EVENTS
from offline.data.events import Events
from offline.data.ids import Ids
from offline.data.summary import Summary
from offline.errors import InputError


class Likes(NamedTuple):
    """Distinct (user, item) pairs that count as likes, sorted by user, then item."""

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    """The sum over the pair's kinds."""
    timestamp: npt.NDArray[np.int64] | None
    """Of the last interaction, ms; None: not every one has a time."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Interactions in memory, one for each user, item and kind, sorted by them.

    `Interactions.load` reads them from a directory that `collect` or `import` wrote.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import Interactions, collect
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> _ = collect(["data.json"], "interactions")
    >>> liked = Interactions.load("interactions")
    >>> liked.user, liked.item, liked.users[0], liked.items[7]
    (array([0]), array([7]), 5, 7)
    >>> liked.matrix(n_items=10).shape
    (1, 10)
    """

    user: npt.NDArray[np.int64]
    """Number of the user of each interaction, shape (n,)."""
    item: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    """A rating or weight; how many there were, where the source has no values."""
    timestamp: npt.NDArray[np.int64] | None
    """ms since the epoch, of the last of each; None unless every interaction has a time."""
    kind: pa.Array
    """What happened, a dictionary array of text: "play", "view", "rating" ..."""
    users: Ids
    """Ids of all users, sorted; some may have no interaction."""
    items: Ids
    titles: pa.Array | None
    """The title of each item, some of them null; None: the source has no titles."""
    summary: Summary
    directory: Path

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `collect` or `import` wrote.

        Parameters
        ----------
        directory : str or Path
            The `out` of `collect` or `import`.

        Returns
        -------
        Interactions

        Raises
        ------
        InputError
            Where the directory holds no interactions, damaged ones, or those of another version.
        """
        directory = Path(directory)
        rows = read_table(directory, "interactions")
        everyone, things = (read_table(directory, name) for name in ("users", "items"))
        summary = Summary.read(directory)
        try:
            timestamp = rows["timestamp"]
            titles = things["title"].combine_chunks()
            found = cls(
                rows["user"].to_numpy(),
                rows["item"].to_numpy(),
                rows["value"].to_numpy(),
                None if timestamp.null_count else timestamp.to_numpy(),
                rows["kind"].combine_chunks().dictionary_encode(),
                Ids(everyone["id"]),
                Ids(things["id"]),
                None if titles.null_count == len(titles) else titles,
                summary,
                directory,
            )
        except (KeyError, pa.ArrowException) as error:
            raise InputError(
                f"{directory}: damaged ({_one_line(error)}): collect again, or import"
            ) from error
        for name, numbers, ids in (
            ("user", found.user, found.users),
            ("item", found.item, found.items),
        ):
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(ids):
                raise InputError(
                    f"{directory}: damaged ({name}s.parquet has {len(ids)} rows, which is not "
                    "every one of the interactions): collect again, or import"
                )
        return found

    def likes(self, kinds: Collection[str] | None = None) -> Likes:
        """The pairs of user and item that count as likes.

        They have a value from `summary.liked_from` on; where that is None, above 0.

        Parameters
        ----------
        kinds : collection of str, optional
            Only interactions of these kinds; None: of all.

        Returns
        -------
        Likes
        """
        least = self.summary.liked_from
        mask = self.value > 0 if least is None else self.value >= least
        if kinds is not None:
            mask &= pc.is_in(self.kind.cast(pa.string()), pa.array(list(kinds))).to_numpy(False)
        user, item, value = self.user[mask], self.item[mask], self.value[mask]
        timestamp = None if self.timestamp is None else self.timestamp[mask]
        first = np.ones(len(user), dtype=bool)
        first[1:] = (np.diff(user) != 0) | (np.diff(item) != 0)
        if first.all():
            return Likes(user, item, value, timestamp)
        at = np.flatnonzero(first)
        last = None if timestamp is None else np.maximum.reduceat(timestamp, at)
        return Likes(user[at], item[at], np.add.reduceat(value, at), last)

    def events(self) -> Events:
        """Every event in the order of time, repeats included; those of the same time as imported.

        Raises InputError where not every interaction has a time.
        """
        if self.timestamp is None:
            raise InputError(
                f"{self.directory}: not every interaction has a time, so there is no order of "
                "events: import data with times"
            )
        if not (self.directory / EVENTS).is_file():
            kinds, codes = self.kind.dictionary, self.kind.indices
            kind = codes.to_numpy().astype(np.int16)
            return Events.of(self.user, self.item, kind, self.timestamp, tuple(kinds.to_pylist()))
        rows = read_table(self.directory, "events")
        kinds = rows["kind"].combine_chunks().dictionary_encode()
        return Events.of(
            rows["user"].to_numpy(),
            rows["item"].to_numpy(),
            kinds.indices.to_numpy().astype(np.int16),
            rows["timestamp"].to_numpy(),
            tuple(kinds.dictionary.to_pylist()),
        )

    def matrix(
        self,
        n_items: int | None = None,
        *,
        values: bool = False,
        kinds: Collection[str] | None = None,
    ) -> sparse.csr_matrix[np.float32]:
        """User × item matrix of likes.

        Parameters
        ----------
        n_items : int, optional
            Columns, where there are to be more than items.
        values : bool, default False
            Whether entries are values, summed over kinds; else they are 1.
        kinds : collection of str, optional
            Only interactions of these kinds; None: of all.

        Returns
        -------
        csr_matrix of float32, shape (len(users), n_items)
            Row r is of user `users[r]`, column c of item `items[c]`; a row's columns are sorted.

        Raises
        ------
        InputError
            Where an item is not below `n_items`.
        """
        liked = self.likes(kinds)
        columns = len(self.items) if n_items is None else n_items
        if len(self.item):
            check_tracks(int(self.item.max()), columns)
        data = liked.value.astype(np.float32) if values else np.ones(len(liked.item), np.float32)
        starts = np.searchsorted(liked.user, np.arange(len(self.users) + 1))
        return sparse.csr_matrix((data, liked.item, starts), shape=(len(self.users), columns))


@dataclass(frozen=True, eq=False)
class Plays:
    """Every play of a log, by user, then session, then position in the session.

    All arrays have shape (number of plays,).

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import Plays, collect
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> _ = collect(["data.json"], "interactions")
    >>> plays = Plays.load("interactions")
    >>> plays.track, plays.position, plays.time
    (array([7]), array([0], dtype=int32), array([1.]))
    """

    user: npt.NDArray[np.int64]
    session: npt.NDArray[np.int32]
    """Number of the session among its user's, from 0, in time order."""
    position: npt.NDArray[np.int32]
    """Place in the session; 0 is the track that the user started with."""
    track: npt.NDArray[np.int64]
    time: npt.NDArray[np.float64]
    """Share of the track that was played, 0 to 1."""

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `collect` wrote.

        Parameters
        ----------
        directory : str or Path
            The `out` of `collect`.

        Returns
        -------
        Plays

        Raises
        ------
        InputError
            Where the directory holds no plays, or damaged ones.
        """
        table = read_table(Path(directory), "plays")
        return cls(**{name: table[name].to_numpy() for name in table.column_names})


def check_tracks(largest: int, n_tracks: int) -> None:
    """Raises InputError unless track ids up to `largest` are within the catalog."""
    if largest >= n_tracks:
        raise InputError(
            f"track {largest} is not in the catalog (tracks 0 to {n_tracks - 1}):"
            " these logs were made with another catalog"
        )


def read_table(directory: Path, name: str) -> pa.Table:
    """One of the tables; raises InputError where it is missing or damaged."""
    path = directory / f"{name}.parquet"
    if not path.is_file():
        if (directory / "interactions.json").is_file():
            Summary.read(directory)  # tells of a directory of an older form
        raise InputError(
            f"no {path}: make it with `botify-offline collect LOGS --out {directory}`, or "
            "`botify-offline import`"
        )
    try:
        return pq.read_table(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged ({_one_line(error)}): collect again, or import"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
