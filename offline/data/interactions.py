"""Users' likes, from their plays: the data that models are trained on.

A directory of interactions holds `interactions.parquet` (user, track, plays), `plays.parquet`
(user, session, position, track, time), `users.parquet` (every user of the log) and
`interactions.json` (how they came to be).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy import sparse

from offline.errors import InputError

PLAYS = "plays.parquet"


@dataclass(frozen=True)
class Summary:
    """The result of `collect`; `interactions.json` is this without the named bad lines."""

    threshold: float
    files: tuple[str, ...]
    lines: int
    bad_lines: int
    first_timestamp: int
    last_timestamp: int
    users_seen: int
    users_left_out: int
    """Users whose id does not fit 64 bits."""
    users: int
    tracks: int
    interactions: int
    fingerprint: str
    """SHA-256 of the three tables' values: the same data has the same, whatever the files."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Bad lines by their fault, as in `offline.logs.bad_lines.Skipped`."""
    notes: tuple[str, ...] = ()
    """Assumptions about the logs, and what was left out of them."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Distinct (user, track) pairs heard beyond a threshold, sorted by user, then track.

    `Interactions.load` reads them from a directory that `collect` wrote.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import Interactions, collect
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> _ = collect(["data.json"], "interactions")
    >>> liked = Interactions.load("interactions")
    >>> liked.users, liked.track
    (array([5]), array([7]))
    >>> liked.matrix(n_tracks=10).shape
    (1, 10)
    """

    user: npt.NDArray[np.int64]
    track: npt.NDArray[np.int64]
    plays: npt.NDArray[np.int32]
    """Per pair: how many plays were above the threshold."""
    all_users: npt.NDArray[np.int64]
    """Every user of the log, sorted; some have no interaction."""
    summary: Summary

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `collect` wrote.

        Parameters
        ----------
        directory : str or Path
            The `out` of `collect`.

        Returns
        -------
        Interactions

        Raises
        ------
        InputError
            Where the directory holds no interactions, or damaged ones.
        """
        pairs = read_columns(Path(directory), "interactions")
        everyone = read_columns(Path(directory), "users")
        about = Path(directory) / "interactions.json"
        try:
            fields = json.loads(about.read_text())
            summary = Summary(
                **{
                    **fields,
                    "files": tuple(fields["files"]),
                    "notes": tuple(fields.get("notes", ())),
                }
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{about}: missing or damaged ({error}): collect again") from error
        return cls(pairs["user"], pairs["track"], pairs["plays"], everyone["user"], summary)

    @cached_property
    def users(self) -> npt.NDArray[np.int64]:
        """Users with an interaction, sorted: row r of `matrix` is `users[r]`."""
        return np.unique(self.user)

    def matrix(self, n_tracks: int) -> sparse.csr_matrix[np.float32]:
        """Binary user × track matrix.

        Parameters
        ----------
        n_tracks : int
            Size of the catalog.

        Returns
        -------
        csr_matrix of float32, shape (len(users), n_tracks)
            Row r is of user `users[r]`; 1 where the user liked the track.

        Raises
        ------
        InputError
            Where a track is not below `n_tracks`.
        """
        check_tracks(int(self.track.max()), n_tracks)
        starts = np.searchsorted(self.user, self.users)
        return sparse.csr_matrix(
            (
                np.ones(len(self.track), np.float32),
                self.track,
                np.append(starts, len(self.track)),
            ),
            shape=(len(self.users), n_tracks),
        )


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
        return cls(**read_columns(Path(directory), "plays"))


def check_tracks(largest: int, n_tracks: int) -> None:
    """Raises InputError unless track ids up to `largest` are within the catalog."""
    if largest >= n_tracks:
        raise InputError(
            f"track {largest} is not in the catalog (tracks 0 to {n_tracks - 1}):"
            " these logs were made with another catalog"
        )


def read_columns(directory: Path, table: str) -> dict[str, npt.NDArray[Any]]:
    """The columns of one of the tables; raises InputError where it is missing or damaged."""
    path = directory / f"{table}.parquet"
    if not path.is_file():
        raise InputError(
            f"no {path}: make it with `botify-offline collect LOGS --out {directory}`"
        )
    try:
        table_ = pq.read_table(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: damaged ({reason}): collect again") from error
    return {name: table_[name].to_numpy() for name in table_.column_names}
