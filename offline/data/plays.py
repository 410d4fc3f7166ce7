"""The plays of a log's sessions as arrays: user, first track, track, share heard."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from contract.interactions import PLAYS
from offline.data.training_set import rows_of
from offline.errors import InputError

# Repeat plays are dropped: listeners skip them regardless of taste.
_QUERY = """
SELECT "user", session, position, track, time,
    FIRST_VALUE(track) OVER (PARTITION BY "user", session ORDER BY position) AS start,
    COUNT(*) OVER (PARTITION BY "user", session, artist ORDER BY position) - 1
        AS prior_artist_plays
FROM plays LEFT JOIN artists USING (track)
QUALIFY ROW_NUMBER() OVER (PARTITION BY "user", session, track ORDER BY position) = 1
ORDER BY "user", session, position
"""


@dataclass(frozen=True, eq=False)
class SessionPlays:
    """First plays of each track in each session, in order; arrays of shape (n,)."""

    users: NDArray[np.int64]
    """Rows of the users, as they were given to `read`."""
    sessions: NDArray[np.int64]
    """Numbers of the sessions, from 0."""
    positions: NDArray[np.int64]
    """Position in the session; 0 is its start, which counts as heard in full."""
    starts: NDArray[np.int64]
    """The track that the session began with."""
    tracks: NDArray[np.int64]
    times: NDArray[np.float32]
    """Shares heard."""
    prior_artist_plays: NDArray[np.int64]
    """How many plays of the same artist came before in the session."""

    def __len__(self) -> int:
        """How many plays."""
        return len(self.tracks)

    @property
    def n_sessions(self) -> int:
        """How many sessions."""
        return int(self.sessions[-1]) + 1 if len(self) else 0

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the plays alone; sessions keep their numbers."""
        columns = vars(self).values()
        return type(self)(*(column[chosen] for column in columns))

    @classmethod
    def read(
        cls, interactions: Path, users: NDArray[np.int64], artists: NDArray[np.int64]
    ) -> Self:
        """From what `collect` wrote, for these users (sorted ids); others are passed over.

        `artists`: each track's, shape (n_tracks,). Raises InputError where there are no plays,
        damaged ones, or tracks that have no artist.
        """
        path = interactions / PLAYS
        if not path.is_file():
            raise InputError(no_plays(interactions))
        try:
            with (
                tempfile.TemporaryDirectory() as scratch,
                duckdb.connect(f"{scratch}/plays.duckdb") as connection,
            ):
                connection.read_parquet(str(path)).create_view("plays")
                of_tracks = {"track": np.arange(len(artists)), "artist": artists}
                connection.register("artists", of_tracks)
                found: Any = connection.execute(_QUERY).fetchnumpy()
        except duckdb.Error as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: damaged ({reason}): collect again") from error
        columns = {name: np.asarray(values) for name, values in found.items()}
        if len(columns["track"]) and int(columns["track"].max()) >= len(artists):
            raise InputError(
                f"{path}: track {int(columns['track'].max())} is not in the catalog "
                f"(0 to {len(artists) - 1})"
            )
        rows = rows_of(users, columns["user"])
        mine = rows >= 0
        rows, columns = rows[mine], {name: values[mine] for name, values in columns.items()}
        fresh = np.ones(len(rows), dtype=bool)
        fresh[1:] = (np.diff(rows) != 0) | (np.diff(columns["session"]) != 0)
        return cls(
            rows,
            np.cumsum(fresh) - 1,
            columns["position"].astype(np.int64),
            columns["start"].astype(np.int64),
            columns["track"].astype(np.int64),
            columns["time"].astype(np.float32),
            columns["prior_artist_plays"].astype(np.int64),
        )


def no_plays(interactions: Path) -> str:
    """The error text for a directory of interactions without plays."""
    return (
        f"no {interactions / PLAYS}: the session model needs the plays that `botify-offline "
        "collect` writes; set sessions: null to train without it"
    )
