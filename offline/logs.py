"""Event logs as a relation of an engine: a line is an event, or it is accounted for.

DuckDB's parallel readers get whole files, and mark the lines that are no events. Only files that
have such lines are opened again, to name line and reason. Spark is asked for by name, and
offline/engine/spark_logs.py is how it reads.
"""

import contextlib
import glob
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from offline.engine import Engine, needing_spark
from offline.engine.duck import DuckEngine
from offline.errors import InputError
from offline.log_files import LogFile, examine, find_log_files, packed_lines
from offline.log_lines import BLANK, BadLine, explain_line
from offline.log_parquet import explain_rows, load_parquet

HERE = Path(__file__).parent
FIELDS = (
    "message",
    "timestamp",
    "user",
    "track",
    "time",
    "latency",
    "recommendation",
    "experiments",
    "session",
    "recommender",
    "propensity",
)
MAX_NAMED = 1000
"""Bad lines are all counted; this many of them are named."""


@dataclass(frozen=True)
class EventLog:
    """An open log: SQL view `events` (see events.sql) and what was read to make it."""

    engine: Engine
    files: tuple[Path | str, ...]
    """A local file's path, or the address of one that is elsewhere."""
    lines: int
    """Lines that hold anything, usable or not."""
    bad_lines: int
    bad: tuple[BadLine, ...]
    """The first `MAX_NAMED` of the bad lines, in the order of files and lines."""


@contextmanager
def open_logs(paths: Sequence[str | Path], engine: str = "duckdb") -> Iterator[EventLog]:
    """Read logs: files, directories or patterns; JSON Lines, `.gz`, `.zst`,
    `.parquet`.

    On DuckDB the events live in a temporary database on disk (under $TMPDIR) until the context
    ends; on Spark (`engine` "spark") in its cache, and paths may be `hdfs://`. Raises InputError
    where a path leads nowhere, a file cannot be read, the log has no lines, or all its lines are
    bad, and where there is no Spark to be had.
    """
    if engine == "spark":
        with needing_spark("offline.engine.spark_logs").open_on_spark(paths) as log:
            yield log
        return
    found = find_log_files(paths)
    with tempfile.TemporaryDirectory(prefix="botify-logs-") as scratch:
        connection = duckdb.connect(f"{scratch}/events.duckdb")
        try:
            # In Jupyter without ipywidgets DuckDB shows no bar, and refuses to hear of one.
            with contextlib.suppress(duckdb.InvalidInputException):
                connection.execute("SET enable_progress_bar = false")
            connection.execute((HERE / "events.sql").read_text())
            files = [examine(file, Path(scratch)) for file in found]
            _load(connection, files)
            yield _account(connection, files)
        finally:
            connection.close()


def checked_log(
    engine: Engine,
    files: Sequence[Path | str],
    lines: int,
    usable: int,
    bad: Sequence[BadLine],
) -> EventLog:
    """What was read, `usable` lines of it events; raises InputError where it is no log at all."""
    if not lines:
        raise InputError(f"the log is empty: no line in {names_of(files)}")
    if not usable:
        raise InputError(f"none of the {lines} lines of the log is an event; the first: {bad[0]}")
    return EventLog(engine, tuple(files), lines, lines - usable, tuple(bad[:MAX_NAMED]))


def names_of(files: Sequence[Path | str]) -> str:
    """The first three, for a message."""
    return ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")


def _load(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile]) -> None:
    first = 0
    for kind, group in itertools.groupby(files, key=lambda file: file.kind):
        batch = list(group)
        if kind == "parquet":
            for index, file in enumerate(batch, first):
                load_parquet(connection, file.path, index)
        else:
            _load_json(connection, batch, first)
        first += len(batch)


def _load_json(
    connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], first: int
) -> None:
    parameters = {
        "files": [glob.escape(str(file.content)) for file in files],
        "columns": dict.fromkeys(FIELDS, "JSON"),
        "compression": "none" if files[0].kind == "plain" else files[0].kind,
        "first_file": first,
    }
    try:
        connection.execute((HERE / "events_json.sql").read_text(), parameters)
    except duckdb.Error as error:
        names = names_of([file.path for file in files])
        raise InputError(f"{names} cannot be read: {str(error).splitlines()[0]}") from error


def _account(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile]) -> EventLog:
    # Rows keep the order of the lines, so a row's distance from its file's first is its line.
    starts = dict(
        connection.execute("SELECT file, MIN(rowid) FROM lines GROUP BY file").fetchall()
    )
    bad_rows = connection.execute(
        "SELECT file, rowid FROM lines WHERE NOT usable ORDER BY rowid LIMIT ?", [MAX_NAMED]
    ).fetchall()
    lines, usable = connection.execute(
        "SELECT COUNT(*), COUNT(*) FILTER (usable) FROM lines"
    ).fetchall()[0]
    rows_of: dict[int, list[int]] = {}
    for index, row in bad_rows:
        rows_of.setdefault(index, []).append(row - starts[index])
    bad: list[BadLine] = []
    for index, file in enumerate(files):
        rows = rows_of.get(index, [])
        if file.kind == "parquet":
            bad += explain_rows(connection, file.path, rows) if rows else ()
        elif rows or file.damage:
            bad += _explain_lines(file, rows)
    lines += sum(file.damage is not None for file in files)
    paths = [file.path for file in files]
    return checked_log(DuckEngine(connection), paths, lines, usable, bad)


def _explain_lines(file: LogFile, rows: Sequence[int]) -> Iterator[BadLine]:
    wanted = set(rows)
    row = -1
    number = 0
    with contextlib.ExitStack() as stack:
        lines: Iterable[bytes] = (
            stack.enter_context(file.content.open("rb"))
            if file.kind == "plain"
            else packed_lines(file.path, file.kind)
        )
        for number, line in enumerate(lines, 1):
            if not line.strip(BLANK.encode()):
                continue
            row += 1
            if row in wanted:
                wanted.remove(row)
                yield BadLine(file.path, number, explain_line(line))
            if not wanted and not file.damage:
                return
    if file.damage:
        yield BadLine(file.path, number + 1, file.damage)
