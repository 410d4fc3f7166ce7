"""What people liked, from what they played: the data that models train on.

A directory of interactions holds `interactions.parquet` (user, track, plays), `plays.parquet`
(user, session, position, track, time), `users.parquet` (every user of the log) and
`interactions.json` (how they came to be).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy import sparse

from offline.atomic import new_directory
from offline.errors import InputError
from offline.logs.bad_lines import BadLine, check_bad_lines
from offline.logs.reader import EventLog, open_logs

PLAYS = "plays.parquet"
_SQL = Path(__file__).parent / "sql"
TABLES = {
    "interactions": 'SELECT listener AS "user", track, CAST(COUNT(*) AS INTEGER) AS plays'
    " FROM known_plays WHERE time > $threshold GROUP BY listener, track ORDER BY listener, track",
    "plays": 'SELECT listener AS "user", session, position, track, time'
    " FROM known_plays ORDER BY listener, session, position",
    "users": 'SELECT listener AS "user" FROM known_users ORDER BY listener',
}


@dataclass(frozen=True)
class Summary:
    """What `collect` read and wrote; `interactions.json` is this, less the named bad lines."""

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
    """Bad lines by what is wrong with them, as in `offline.logs.bad_lines.Skipped`."""
    notes: tuple[str, ...] = ()
    """What was taken for granted or left out of the logs."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Distinct (user, track) pairs heard beyond a threshold, sorted by user, then track."""

    user: npt.NDArray[np.int64]
    track: npt.NDArray[np.int64]
    plays: npt.NDArray[np.int32]
    """Per pair: how many plays were above the threshold."""
    all_users: npt.NDArray[np.int64]
    """Every user of the log, sorted; some have no interaction."""
    summary: Summary

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read what `collect` wrote. Raises InputError where `directory` holds none of it."""
        pairs = _columns(Path(directory), "interactions")
        everyone = _columns(Path(directory), "users")
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
        """Binary user × track matrix, shape (len(users), n_tracks).

        Raises InputError where a track is not below `n_tracks`.
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
    """Every play of a log, one row per line, by user, then session, then place in the session."""

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
        """Read what `collect` wrote. Raises InputError where `directory` holds none of it."""
        return cls(**_columns(Path(directory), "plays"))


def plays(log: EventLog) -> Plays:
    """The plays of an open log, cut into sessions; users beyond 64 bits are left out."""
    _define_tables(log)
    table = log.engine.table(TABLES["plays"])
    return Plays(**{name: table[name].to_numpy() for name in table.column_names})


def collect(
    logs: Sequence[str | Path],
    out: str | Path,
    threshold: float = 0.8,
    n_tracks: int | None = None,
    engine: str = "duckdb",
    *,
    most_bad: float = 1.0,
    allow_mixed: bool = True,
) -> tuple[Summary, tuple[BadLine, ...]]:
    """Turn event logs into a directory of interactions; returns counts and the bad lines.

    Both `next` and `last` lines report a play; one with `time` above `threshold` makes its user
    and track an interaction. `out` appears whole or not at all. `most_bad` is the share of bad
    lines above which the log is refused; where not `allow_mixed`, so is one of several worlds,
    whose tracks are not the same though their numbers are. Raises InputError for logs that
    `open_logs` refuses, a threshold outside [0, 1), a track not below `n_tracks`, no interaction
    above the threshold, an `out` that holds something else, and a disk that takes no more.
    """
    if not 0 <= threshold < 1:
        raise InputError(f"threshold {threshold} is outside [0, 1): a play's time is 0 to 1")
    with (
        _writing(out),
        new_directory(Path(out), "interactions.json") as directory,
        open_logs(logs, engine) as log,
    ):
        check_bad_lines(log.skipped, most_bad)
        if not allow_mixed:
            _check_worlds(log)
        _define_tables(log)
        if n_tracks is not None:
            check_tracks(_one(log, "SELECT MAX(track) FROM events"), n_tracks)
        for name, query in TABLES.items():
            parameters = {"threshold": threshold} if "$threshold" in query else None
            log.engine.write_parquet(query, directory / f"{name}.parquet", parameters)
        summary = _summarise(log, directory, threshold)
        (directory / "interactions.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
        return summary, log.bad


def _check_worlds(log: EventLog) -> None:
    worlds = log.engine.rows(
        "SELECT world_version, COUNT(*) FROM events WHERE world_version IS NOT NULL"
        " GROUP BY world_version ORDER BY world_version"
    )
    if len(worlds) > 1:
        told = ", ".join(f"{world} with {count:,} lines" for world, count in worlds)
        raise InputError(
            f"the log is of {len(worlds)} worlds ({told}), whose tracks are not the same; collect "
            "each by itself, or all of them with --allow-mixed"
        )


@contextmanager
def _writing(out: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error


def check_tracks(largest: int, n_tracks: int) -> None:
    """Raises InputError unless track ids up to `largest` are within the catalog."""
    if largest >= n_tracks:
        raise InputError(
            f"track {largest} is not in the catalog (tracks 0 to {n_tracks - 1}):"
            " these logs were made with another catalog"
        )


def _define_tables(log: EventLog) -> None:
    log.engine.run((_SQL / "sessions.sql").read_text())
    log.engine.run((_SQL / "interactions.sql").read_text())


def _summarise(log: EventLog, directory: Path, threshold: float) -> Summary:
    pairs = _columns(directory, "interactions")
    everyone = _columns(directory, "users")
    if not len(everyone["user"]):
        raise InputError("every user id of the log is beyond 64 bits: nothing to train on")
    if not len(pairs["user"]):
        longest = _one(log, "SELECT MAX(time) FROM known_plays")
        raise InputError(
            f"no play has a time above the threshold {threshold}: the longest is {longest};"
            " lower --threshold or collect more sessions"
        )
    digest = hashlib.sha256()
    for columns in (pairs, _columns(directory, "plays"), everyone):
        for values in columns.values():
            digest.update(np.ascontiguousarray(values).data)
    return Summary(
        threshold=threshold,
        files=tuple(str(file) for file in log.files),
        lines=log.lines,
        bad_lines=log.bad_lines,
        first_timestamp=_one(log, "SELECT MIN(timestamp) FROM events"),
        last_timestamp=_one(log, "SELECT MAX(timestamp) FROM events"),
        users_seen=len(everyone["user"]),
        users_left_out=_one(
            log,
            "SELECT COUNT(DISTINCT user_id) FROM events WHERE TRY_CAST(user_id AS BIGINT) IS NULL",
        ),
        users=len(np.unique(pairs["user"])),
        tracks=len(np.unique(pairs["track"])),
        interactions=len(pairs["user"]),
        fingerprint=digest.hexdigest(),
        faults=log.skipped.faults,
        notes=log.notes,
    )


def _one(log: EventLog, query: str) -> Any:
    return log.engine.rows(query)[0][0]


def _columns(directory: Path, table: str) -> dict[str, npt.NDArray[Any]]:
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
