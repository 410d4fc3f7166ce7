"""From event logs to a directory of interactions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.catalog import Track
from contract.interactions import SUMMARY
from offline.atomic import new_directory
from offline.data.catalog import read_tracks
from offline.data.interactions import Plays, check_tracks, read_table
from offline.data.summary import Summary, fingerprint
from offline.errors import InputError
from offline.logs.bad_lines import BadLine, check_bad_lines
from offline.logs.reader import EventLog, open_logs

_SQL = Path(__file__).parent / "sql"
TABLES = {
    "interactions": 'SELECT number AS "user", track AS item, CAST(COUNT(*) AS DOUBLE) AS value,'
    " MAX(timestamp) AS timestamp, 'play' AS kind"
    " FROM known_plays JOIN numbered_users USING (listener) WHERE time > $threshold"
    " GROUP BY number, track ORDER BY number, track",
    "plays": 'SELECT listener AS "user", session, position, track, time'
    " FROM known_plays ORDER BY listener, session, position",
    "users": "SELECT listener AS id FROM numbered_users ORDER BY number",
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
    catalog: str | Path | None = None,
    engine: str = "duckdb",
    *,
    most_bad: float = 1.0,
    allow_mixed: bool = True,
    describe: Callable[[Path, Sequence[BadLine]], object] | None = None,
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
    catalog : str or Path, optional
        A `tracks.json`, for the number of tracks and their titles; None: the tracks end at the
        largest that was played, and have no titles.
    engine : {"duckdb", "spark"}
        Which database runs the queries.
    most_bad : float, default 1.0
        Share of bad lines, 0 to 1, above which the logs are refused.
    allow_mixed : bool, default True
        Whether logs of several worlds, whose track ids mean different tracks, are accepted.
    describe : callable, optional
        Writes more about the data, given the directory before it appears and the bad lines.

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
        track that is not in the catalog, no interaction above the threshold, an `out` that holds
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
    tracks = None if catalog is None else read_tracks(catalog)
    with (
        _writing(out),
        new_directory(Path(out), SUMMARY) as directory,
        open_logs(logs, engine) as log,
    ):
        check_bad_lines(log.skipped, most_bad)
        if not allow_mixed:
            _check_worlds(log)
        _define_tables(log)
        for name, query in TABLES.items():
            parameters = {"threshold": threshold} if "$threshold" in query else None
            log.engine.write_parquet(query, directory / f"{name}.parquet", parameters)
        items = _items(tracks, log)
        pq.write_table(items, directory / "items.parquet", compression="zstd")
        summary = _summarise(log, directory, threshold)
        summary.write(directory)
        if describe is not None:
            describe(directory, log.bad)
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


def _items(tracks: Sequence[Track] | None, log: EventLog) -> pa.Table:
    """The tracks of the catalog, or as many as the log must have had; a track is its number."""
    largest = _one(log, "SELECT MAX(track) FROM events")
    if tracks is not None:
        check_tracks(largest, len(tracks))
        artists = [track.artist or None for track in tracks]
        titles = [track.title or None for track in tracks]
    else:
        events = _one(log, "SELECT COUNT(*) FROM events")
        if largest > 10 * events + 1_000_000:
            raise InputError(
                f"track {largest} in a log of {events:,} events: tracks are numbers from 0 "
                "without large gaps; name their --catalog"
            )
        artists = titles = [None] * (largest + 1)
    columns = {"title": pa.array(titles, pa.string()), "artist": pa.array(artists, pa.string())}
    return pa.table({"id": np.arange(len(titles)), **columns})


def _summarise(log: EventLog, directory: Path, threshold: float) -> Summary:
    pairs = read_table(directory, "interactions")
    everyone = read_table(directory, "users")
    if not len(everyone):
        raise InputError("every user id of the log is beyond 64 bits: nothing to train on")
    if not len(pairs):
        longest = _one(log, "SELECT MAX(time) FROM known_plays")
        raise InputError(
            f"no play has a time above the threshold {threshold}: the longest is {longest};"
            " lower --threshold or collect more sessions"
        )
    plays_above = int(pc.sum(pairs["value"]).as_py())
    n_plays = pq.read_metadata(directory / "plays.parquet").num_rows
    return Summary(
        format="botify-log",
        files=tuple(str(file) for file in log.files),
        lines=log.lines,
        bad_lines=log.bad_lines,
        users_seen=len(everyone),
        users_left_out=_one(
            log,
            "SELECT COUNT(DISTINCT user_id) FROM events WHERE TRY_CAST(user_id AS BIGINT) IS NULL",
        ),
        users=pc.count_distinct(pairs["user"]).as_py(),
        items=pc.count_distinct(pairs["item"]).as_py(),
        interactions=len(pairs),
        repeats=plays_above - len(pairs),
        first_timestamp=_one(log, "SELECT MIN(timestamp) FROM events"),
        last_timestamp=_one(log, "SELECT MAX(timestamp) FROM events"),
        threshold=threshold,
        fingerprint=fingerprint(directory, ("users", "items", "interactions", "plays")),
        faults=log.skipped.faults,
        dropped={f"plays of which no more than {threshold:g} was heard": n_plays - plays_above},
        notes=log.notes,
    )


def _one(log: EventLog, query: str) -> Any:
    return log.engine.rows(query)[0][0]
