"""Statistics of the sessions in a log: where they start, and when listeners lose patience."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from contract.interactions import PLAYS
from offline.data.training_set import rows_of
from offline.errors import InputError

_STARTS = """
SELECT "user", track, COUNT(*) AS sessions
FROM plays
WHERE position = 0
GROUP BY "user", track
ORDER BY "user", track
"""

# Patience: the mean over sessions of the sum of 1 - time.
_PATIENCE = """
SELECT AVG(missed)
FROM (
    SELECT SUM(CASE WHEN position = 0 THEN 0 ELSE 1 - time END) AS missed
    FROM plays
    GROUP BY "user", session
)
"""

# Pairs of neighbouring plays of one artist in a session. The start is left out, as it is liked
# more than the artist's other tracks; so are repeated tracks, which are skipped regardless.
_PAIRS = """
WITH shared AS (
    SELECT plays.*, artist
    FROM plays JOIN artists USING (track)
    WHERE position > 0
    QUALIFY COUNT(*) OVER (PARTITION BY "user", session, artist) > 1
), fresh AS (
    SELECT * FROM shared
    QUALIFY ROW_NUMBER() OVER (PARTITION BY "user", session, track ORDER BY position) = 1
), pairs AS (
    SELECT
        time AS later,
        LAG(time) OVER (PARTITION BY "user", session, artist ORDER BY position) AS earlier
    FROM fresh
)
SELECT COUNT(*), COALESCE(SUM(earlier), 0), COALESCE(SUM(later), 0)
FROM pairs
WHERE earlier IS NOT NULL
"""

_FEWEST_PAIRS = 100
"""With fewer, a discount would be noise, and none is assumed."""


@dataclass(frozen=True, eq=False)
class SessionStats:
    """How sessions start, how much skipping ends them, and how repeated artists are received."""

    starts: sparse.csr_matrix
    """Sessions of each user that began with each track, shape (n_users, n_tracks), int64."""
    patience: float
    """Skipped-track equivalents that a session tolerates before it ends; 1 or more."""
    artist_discount: float
    """Factor on the share heard for each earlier play of the track's artist; 1: no effect."""
    pairs: int
    """Number of pairs of plays that the discount is estimated from."""

    @classmethod
    def read(
        cls, interactions: Path, users: NDArray[np.int64], artists: NDArray[np.int64]
    ) -> Self:
        """From the plays that `collect` wrote, for these users (sorted ids) as rows.

        `artists`: each track's, shape (n_tracks,). The discount is the listening time of the
        later over that of the earlier plays, over all pairs of neighbouring plays of an artist in
        a session. That is fair where either of two could have come first, as under a random
        recommender; under one that plays the best first it finds too much discount. Sessions end
        after a fixed number of misses in expectation, so their mean sum of 1 - time is that
        number. Raises InputError where there are no plays, or damaged ones.
        """
        path = interactions / PLAYS
        if not path.is_file():
            raise InputError(
                f"no {path}: lists by session need the plays that `botify-offline collect` "
                "writes; without them, --lists score"
            )
        tracks = np.arange(len(artists))
        try:
            # On the disk: sorting the plays of a long log may take more memory than there is.
            with (
                tempfile.TemporaryDirectory() as scratch,
                duckdb.connect(f"{scratch}/plays.duckdb") as connection,
            ):
                connection.read_parquet(str(path)).create_view("plays")
                connection.register("artists", {"track": tracks, "artist": artists})
                started: Any = connection.execute(_STARTS).fetchnumpy()
                patience = connection.execute(_PATIENCE).fetchall()[0][0]
                pairs, earlier, later = connection.execute(_PAIRS).fetchall()[0]
        except duckdb.Error as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: damaged ({reason}): collect again") from error
        enough = pairs >= _FEWEST_PAIRS and earlier > 0
        return cls(
            _matrix(started, users, len(artists)),
            max(1.0, float(patience or 0.0)),
            min(1.0, float(later / earlier)) if enough else 1.0,
            int(pairs),
        )


def _matrix(
    started: dict[str, NDArray[np.int64]], users: NDArray[np.int64], n_tracks: int
) -> sparse.csr_matrix:
    rows = rows_of(users, started["user"])
    keep = (rows >= 0) & (started["track"] < n_tracks)
    return sparse.csr_matrix(
        (started["sessions"][keep], (rows[keep], started["track"][keep])),
        shape=(len(users), n_tracks),
    )
