"""From event logs to a directory of interactions."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from offline.atomic import new_directory
from offline.data.interactions import Plays, Summary, check_tracks, read_columns
from offline.errors import InputError
from offline.logs.bad_lines import BadLine, check_bad_lines
from offline.logs.reader import EventLog, open_logs

_SQL = Path(__file__).parent / "sql"
TABLES = {
    "interactions": 'SELECT listener AS "user", track, CAST(COUNT(*) AS INTEGER) AS plays'
    " FROM known_plays WHERE time > $threshold GROUP BY listener, track ORDER BY listener, track",
    "plays": 'SELECT listener AS "user", session, position, track, time'
    " FROM known_plays ORDER BY listener, session, position",
    "users": 'SELECT listener AS "user" FROM known_users ORDER BY listener',
}


def plays(log: EventLog) -> Plays:
    """The plays of an open log, cut into sessions; users whose id exceeds 64 bits are dropped."""
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
    """Turn event logs into a directory of interactions.

    Both `next` and `last` lines report a play; one with `time` above `threshold` makes its user
    and track an interaction.

    Parameters
    ----------
    logs : sequence of str or Path
        Log files, directories of logs, or patterns; on Spark `hdfs://` addresses too.
    out : str or Path
        The directory to write. It appears whole or not at all.
    threshold : float, default 0.8
        Share of a track, in [0, 1), above which a play counts as a like.
    n_tracks : int, optional
        Size of the catalog; None does not check track ids.
    engine : {"duckdb", "spark"}
        Which database runs the queries.
    most_bad : float, default 1.0
        Share of bad lines, 0 to 1, above which the logs are refused.
    allow_mixed : bool, default True
        Whether logs of several worlds, whose track ids mean different tracks, are accepted.

    Returns
    -------
    summary : Summary
        Counts, and the fingerprint of the data.
    bad : tuple of BadLine
        The first bad lines, by name.

    Raises
    ------
    InputError
        For logs that `open_logs` refuses, too many bad lines, a threshold outside [0, 1), a
        track not below `n_tracks`, no interaction above the threshold, an `out` that holds
        something else, and a full disk.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import collect
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> summary, bad = collect(["data.json"], "interactions")
    >>> summary.lines, summary.interactions, bad
    (1, 1, ())
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
            f"the log is of {len(worlds)} worlds ({told}), whose track ids mean different tracks; "
            "collect each by itself, or all of them with --allow-mixed"
        )


@contextmanager
def _writing(out: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error


def _define_tables(log: EventLog) -> None:
    log.engine.run((_SQL / "sessions.sql").read_text())
    log.engine.run((_SQL / "interactions.sql").read_text())


def _summarise(log: EventLog, directory: Path, threshold: float) -> Summary:
    pairs = read_columns(directory, "interactions")
    everyone = read_columns(directory, "users")
    if not len(everyone["user"]):
        raise InputError("every user id of the log is beyond 64 bits: nothing to train on")
    if not len(pairs["user"]):
        longest = _one(log, "SELECT MAX(time) FROM known_plays")
        raise InputError(
            f"no play has a time above the threshold {threshold}: the longest is {longest};"
            " lower --threshold or collect more sessions"
        )
    digest = hashlib.sha256()
    for columns in (pairs, read_columns(directory, "plays"), everyone):
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
