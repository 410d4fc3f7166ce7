"""Event logs as a relation of an engine; every line is an event or is counted as a bad line.

DuckDB's parallel readers get whole files and mark lines that are no events. Only files with such
lines are opened again, to name line and reason. With Spark, offline/logs/spark/event_log.py reads.
"""

import contextlib
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from contract.jsonlines import BLANK, BOM
from contract.timestamps import Unit
from offline.engine import Engine, needing_spark
from offline.engine.duck import DuckEngine
from offline.errors import InputError
from offline.logs.bad_lines import DAMAGE, BadLine, Skipped, too_long
from offline.logs.files import find_log_files
from offline.logs.forms import FORMS, MUSIC, Face, LineForm
from offline.logs.json_lines import HERE, explain_json, load_json, make_lines
from offline.logs.line_filter import LineFilter
from offline.logs.normalise import LogFile, copied, examine
from offline.logs.parquet import explain_rows, load_parquet
from offline.logs.time_units import SIZES, Row, counts_of, timestamps_of

MAX_NAMED = 1000
"""Bad lines are all counted; this many of them are named."""
EVENTS = MUSIC.columns


@dataclass(frozen=True)
class EventLog:
    """An open log: SQL view `events` (see events.sql), and an account of the reading."""

    engine: Engine
    files: tuple[Path | str, ...]
    """A local file's path, or the address of one that is elsewhere."""
    skipped: Skipped
    """Numbers of lines and of bad lines, with reasons."""
    unit: Unit = "ms"
    """The units of the timestamps."""
    notes: tuple[str, ...] = ()
    """Assumptions and omissions, to be shown with the result."""
    face: Face = "music"
    """What it is the log of."""

    @property
    def lines(self) -> int:
        """Non-blank lines, usable or not."""
        return self.skipped.lines

    @property
    def bad_lines(self) -> int:
        """Lines that are no events."""
        return self.skipped.bad

    @property
    def bad(self) -> tuple[BadLine, ...]:
        """The first `MAX_NAMED` of the bad lines, in the order of files and lines."""
        return self.skipped.named


class _OddError(Exception):
    """A file must be read by way of a copy; its index."""


@contextmanager
def open_logs(
    paths: Sequence[str | Path],
    engine: str = "duckdb",
    line_filter: LineFilter | None = None,
    face: Face = "music",
) -> Iterator[EventLog]:
    """Read event logs, for queries in SQL.

    On DuckDB the events are in a temporary database on disk (under $TMPDIR) until the context
    ends; on Spark in its cache.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, directories or patterns; JSON Lines, also as `.gz` or `.zst`, and `.parquet`. On
        Spark `hdfs://` addresses too.
    engine : {"duckdb", "spark"}
        Which engine runs the queries.
    line_filter : LineFilter, optional
        Which of the events to use: of one run, version or time; None: all.
    face : {"music", "shop"}
        What the logs are of.

    Yields
    ------
    EventLog
        With the view `events`, and an account of lines read, skipped and assumptions made.

    Raises
    ------
    InputError
        Where a path does not exist, a file cannot be read or is no log, the log is empty or all
        of its lines are bad, timestamps are in several units, or there is no Spark.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from offline import open_logs
    >>> line = {"message": "last", "timestamp": 0, "user": 5, "track": 7, "time": 1.0}
    >>> _ = Path("data.json").write_text(json.dumps(line | {"latency": 0.0, "experiments": {}}))
    >>> with open_logs(["data.json"]) as log:
    ...     print(log.lines, log.engine.rows("SELECT user_id, track, time FROM events"))
    1 [('5', 7, 1.0)]
    """
    if engine == "spark":
        with needing_spark("offline.logs.spark.event_log").open_on_spark(
            paths, line_filter, FORMS[face]
        ) as log:
            yield check_filter(log, line_filter)
        return
    found = find_log_files(paths)
    with tempfile.TemporaryDirectory(prefix="botify-logs-") as scratch:
        connection = duckdb.connect(f"{scratch}/events.duckdb")
        try:
            # In Jupyter without ipywidgets DuckDB shows no bar, and refuses the setting.
            with contextlib.suppress(duckdb.InvalidInputException):
                connection.execute("SET enable_progress_bar = false")
            # The database is deleted when it is closed: nothing of it has to be packed then.
            connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            make_lines(connection, FORMS[face])
            files = [examine(file, Path(scratch)) for file in found.files]
            log = _read(connection, files, Path(scratch), line_filter or LineFilter(), FORMS[face])
            yield check_filter(replace(log, notes=(*found.notes, *log.notes)), line_filter)
        finally:
            connection.close()


def checked_log(
    engine: Engine, files: Sequence[Path | str], skipped: Skipped, notes: Sequence[str] = ()
) -> EventLog:
    """The account of the reading; raises InputError if it is no log at all."""
    if not skipped.lines:
        raise InputError(f"the log is empty: no line in {names_of(files)}")
    if skipped.bad == skipped.lines:
        raise InputError(
            f"none of the {skipped.lines} lines of the log is an event; the first: "
            f"{skipped.named[0]}"
        )
    return EventLog(engine, tuple(files), skipped, notes=tuple(notes))


def check_filter(log: EventLog, line_filter: LineFilter | None) -> EventLog:
    """The log, with a note on the selection; raises InputError if it is empty."""
    if not line_filter:
        return log
    [(chosen,)] = log.engine.rows("SELECT COUNT(*) FROM events")
    if not chosen:
        runs, versions = (
            ", ".join(str(value) for (value,) in log.engine.rows(_VALUES.format(name=name)))
            for name in ("run", "model_version")
        )
        raise InputError(
            f"{line_filter}: no event of the log matches; it has the runs {runs or 'none'} "
            f"and the versions {versions or 'none'}"
        )
    events = log.lines - log.bad_lines
    return replace(log, notes=(*log.notes, f"{line_filter}: {chosen:,} of {events:,} events"))


_VALUES = "SELECT DISTINCT {name} FROM lines WHERE {name} IS NOT NULL ORDER BY {name} LIMIT 9"


def names_of(files: Sequence[Path | str]) -> str:
    """The first three, for a message."""
    return ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")


def _read(
    connection: duckdb.DuckDBPyConnection,
    files: list[LogFile],
    scratch: Path,
    line_filter: LineFilter,
    form: LineForm,
) -> EventLog:
    skipped, notes, sizes = read_lines(connection, files, scratch, form)
    log = checked_log(DuckEngine(connection), [file.path for file in files], skipped, notes)
    timestamp, unit, more = timestamps_of(sizes, lambda row: _place(connection, files, row))
    columns = form.columns.format(timestamp=timestamp)
    connection.execute(
        f"CREATE VIEW {form.view} AS SELECT rowid AS n, {columns} FROM lines"
        f" WHERE fault IS NULL AND {form.where} AND {line_filter.condition(timestamp)}"
    )
    if form.after is not None:
        log.engine.run((HERE / form.after).read_text())
    return replace(log, unit=unit, notes=(*notes, *more), face=form.face)


def read_lines(
    connection: duckdb.DuckDBPyConnection,
    files: list[LogFile],
    scratch: Path,
    form: LineForm = MUSIC,
) -> tuple[Skipped, list[str], list[Row]]:
    """Fill the empty table `lines` (see events.sql); returns bad lines, notes, and the rows of
    `SIZES`.

    A file that must be read by way of a copy is replaced by that in `files`. Raises InputError
    where one cannot be read.
    """
    while True:
        notes = _load(connection, files, scratch, form)
        sizes = connection.execute(SIZES.format(order="rowid")).fetchall()
        try:
            return _account(connection, files, counts_of(sizes), scratch, form), notes, sizes
        except _OddError as odd:
            files[odd.args[0]] = copied(files[odd.args[0]].path, scratch)
            connection.execute("DELETE FROM lines")


def _load(
    connection: duckdb.DuckDBPyConnection, files: list[LogFile], scratch: Path, form: LineForm
) -> list[str]:
    notes: list[str] = []
    for kind, group in itertools.groupby(enumerate(files), key=lambda pair: pair[1].kind):
        indices = [index for index, _ in group]
        if kind == "parquet":
            if form is not MUSIC:
                path = files[indices[0]].path
                raise InputError(f"{path}: the log of a {form.face} is read from JSON Lines")
            for index in indices:
                notes += load_parquet(connection, files[index].path, index)
        else:
            _load_json(connection, files, indices, scratch, form)
    return notes


def _load_json(
    connection: duckdb.DuckDBPyConnection,
    files: list[LogFile],
    indices: Sequence[int],
    scratch: Path,
    form: LineForm,
) -> None:
    batch = [files[index] for index in indices]
    try:
        load_json(connection, [file.content for file in batch], batch[0].kind, indices[0], form)
    except duckdb.Error as error:
        if len(batch) > 1:  # one of them it is
            for index in indices:
                _load_json(connection, files, [index], scratch, form)
        elif batch[0].content == batch[0].path:
            # A line exceeds DuckDB's limit, or zeros follow a gzip: a copy has neither.
            files[indices[0]] = copied(batch[0].path, scratch)
            _load_json(connection, files, indices, scratch, form)
        else:
            said = str(error).splitlines()[0]
            raise InputError(f"{batch[0].path} cannot be read: {said}") from error


def _account(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[LogFile],
    counts: Mapping[str | None, int],
    scratch: Path,
    form: LineForm,
) -> Skipped:
    lines = sum(counts.values())
    faults = {fault: count for fault, count in counts.items() if fault is not None}
    bad_rows: list[tuple[int, int]] = []
    if faults:
        bad_rows = connection.execute(
            "SELECT file, rowid FROM lines WHERE fault IS NOT NULL ORDER BY rowid LIMIT ?",
            [MAX_NAMED],
        ).fetchall()
    starts = _starts(connection) if bad_rows else {}
    rows_of: dict[int, list[int]] = {}
    for index, row in bad_rows:
        rows_of.setdefault(index, []).append(row - starts[index])
    bad: list[BadLine] = []
    for index, file in enumerate(files):
        rows = rows_of.get(index, [])
        if file.kind == "parquet":
            bad += explain_rows(connection, file.path, rows) if rows else ()
        elif rows:
            found = _lines_at(file, rows)
            short = [line for _, line in found if isinstance(line, bytes)]
            if file.content == file.path and any(line.startswith(BOM) for line in short):
                raise _OddError(index)
            reasons = iter(explain_json(connection, short, scratch / "bad.json", form))
            for number, line in found:
                reason = too_long(line) if isinstance(line, int) else next(reasons)
                bad.append(BadLine(file.path, number, file.odd.get(number, reason)))
        if file.damage:
            bad.append(BadLine(file.path, sum(1 for _ in file.lines()) + 1, file.damage))
    damaged = sum(file.damage is not None for file in files)
    faults |= {DAMAGE: damaged} if damaged else {}
    return Skipped(lines + damaged, sum(faults.values()), tuple(bad[:MAX_NAMED]), faults)


def _starts(connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """The first row of each file: rows keep the order of the lines."""
    return dict(connection.execute("SELECT file, MIN(rowid) FROM lines GROUP BY file").fetchall())


def _lines_at(file: LogFile, rows: Sequence[int]) -> list[tuple[int, bytes | int]]:
    """Number and text of the lines that are these rows, from 0, of their file."""
    wanted = set(rows)
    found: list[tuple[int, bytes | int]] = []
    row = -1
    for number, line in enumerate(file.lines(), 1):
        if isinstance(line, int) or line.strip(BLANK):
            row += 1
            if row in wanted:
                found.append((number, line))
                if len(found) == len(wanted):
                    break
    return found


def _place(connection: duckdb.DuckDBPyConnection, files: Sequence[LogFile], row: int) -> str:
    (index,) = connection.execute("SELECT file FROM lines WHERE rowid = ?", [row]).fetchall()[0]
    file, place = files[index], row - _starts(connection)[index]
    number = place + 1 if file.kind == "parquet" else _lines_at(file, [place])[0][0]
    return f"{file.path}:{number}"
