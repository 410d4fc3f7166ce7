"""From a source to a directory of interactions."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.interactions import EVENTS, SUMMARY
from offline.atomic import check_place, new_directory
from offline.card import Facts, write_card
from offline.data.interactions import read_table
from offline.data.summary import Summary, fingerprint
from offline.engine.progress import Report, reporting
from offline.errors import InputError
from offline.importing.items import write_items
from offline.importing.source import Source
from offline.importing.stage import Staged, open_staged
from offline.importing.typed import Typed, Unit, type_rows
from offline.logs.bad_lines import BAD_STOP, BadLine, Skipped, check_bad_lines

MAX_NAMED = 1000
FEWEST_ITEMS = 50
Repeats = Literal["last", "sum"]
Stage = Callable[[str], Report]
"""Called with the name of a step; returns what is told how far it has come."""


class Imported(NamedTuple):
    """The result of an import."""

    summary: Summary
    skipped: Skipped
    facts: Facts
    """The content of the data card."""


def load_source(
    source: Source,
    out: Path,
    format_name: str,
    *,
    unit: Unit | None = None,
    text_ids: bool = False,
    repeats: Repeats = "last",
    allow_bad: bool = False,
    stage: Stage | None = None,
) -> Imported:
    """Write the interactions of a source as a directory, whole or not at all.

    Parameters
    ----------
    source : Source
        What a format found.
    out : Path
    format_name : str
    unit : {"s", "ms", "us", "ns"}, optional
        Of the times; None: as their size tells.
    text_ids : bool, default False
        Whether ids that are numbers are taken as text.
    repeats : {"last", "sum"}
        The value of a user, item and kind that are there several times: the latest, or the sum.
    allow_bad : bool, default False
        Whether more than 5 % of bad rows are accepted.
    stage : callable, optional
        Told of the steps.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        For what cannot be read or be interactions, and a full disk.
    """
    check_place(out, SUMMARY)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{out.name}-import-", dir=out.parent) as scratch,
            new_directory(out, SUMMARY) as directory,
        ):
            staged = open_staged(Path(scratch))
            try:
                return _load(
                    staged,
                    source,
                    directory,
                    format_name,
                    unit,
                    text_ids,
                    repeats,
                    allow_bad,
                    stage or (lambda name: lambda share: None),
                    out.resolve().name,
                )
            finally:
                staged.connection.close()
    except duckdb.Error as error:
        raise InputError(f"the import failed: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error


def _load(
    staged: Staged,
    source: Source,
    directory: Path,
    format_name: str,
    unit: Unit | None,
    text_ids: bool,
    repeats: Repeats,
    allow_bad: bool,
    stage: Stage,
    name: str,
) -> Imported:
    connection = staged.connection
    for file in source.files:
        with reporting(connection, stage(f"reading {file.path.name}")):
            staged.add(file)
    [(rows,)] = connection.execute("SELECT COUNT(*) FROM raw").fetchall()
    names = source.files[0].columns.named
    lines = rows + len(staged.rejected) + staged.lost
    if not lines:
        raise InputError(f"{source.files[0].path}: no rows")
    with reporting(connection, stage("checking rows")):
        typed = type_rows(staged, names, unit, text_ids, int(time.time() * 1000))
        connection.execute("DROP TABLE raw")
    skipped = _skipped(staged, lines)
    if skipped.bad == lines:
        raise InputError(f"none of the {lines:,} rows can be used; the first: {skipped.named[0]}")
    check_bad_lines(skipped, 1.0 if allow_bad else BAD_STOP, "rows", "file")
    with reporting(connection, stage("numbering users and items")):
        for table, column in (("users", "uid"), ("items", "iid")):
            connection.execute(
                f"CREATE TABLE {table} AS SELECT {column} AS id, ROW_NUMBER() OVER"
                f" (ORDER BY {column}) - 1 AS number FROM"
                f" (SELECT DISTINCT {column} FROM typed WHERE fault IS NULL)"
            )
    notes = [*source.notes, *typed.notes]
    _check_sizes(connection, source, names, notes)
    with reporting(connection, stage("sorting interactions")):
        n_repeats = _write_interactions(connection, directory, typed, repeats)
    with reporting(connection, stage("writing users and items")):
        connection.sql("SELECT id FROM users ORDER BY number").write_parquet(
            str(directory / "users.parquet"), compression="zstd"
        )
        notes += write_items(staged, source.items, directory)
    notes += staged.notes
    if n_repeats:
        kept = _kept(typed.has_value, typed.has_time, repeats)
        rows_told = "1 row repeats" if n_repeats == 1 else f"{n_repeats:,} rows repeat"
        notes.append(f"{rows_told} a user, item and kind: {kept}")
    summary = _summarise(staged, source, directory, format_name, skipped, n_repeats, notes)
    summary.write(directory)
    facts = write_card(directory, skipped.named, name)
    return Imported(summary, skipped, facts)


def _skipped(staged: Staged, lines: int) -> Skipped:
    faults: dict[str, int] = {}
    named = list(staged.rejected[:MAX_NAMED])
    for bad in staged.rejected:
        faults[bad.reason] = faults.get(bad.reason, 0) + 1
    if staged.lost:
        faults["after a quotation mark that is not closed"] = staged.lost
    for fault, count in staged.connection.execute(
        "SELECT fault, COUNT(*) FROM typed WHERE fault IS NOT NULL GROUP BY fault"
    ).fetchall():
        faults[fault] = faults.get(fault, 0) + count
    odd = staged.connection.execute(
        "SELECT file, place, fault, shown FROM typed WHERE fault IS NOT NULL"
        f" ORDER BY file, place LIMIT {MAX_NAMED}"
    ).fetchall()
    for number, file in enumerate(staged.files):
        mine = [(row, fault, shown) for which, row, fault, shown in odd if which == number]
        places = staged.lines(number, [row for row, _, _ in mine])
        for row, fault, shown in mine:
            text = fault if shown is None else f"{fault}: {str(shown)[:40]!r}"
            named.append(BadLine(file.path, places[row], text))
    named.sort(key=lambda bad: (str(bad.path), bad.line))
    return Skipped(lines, sum(faults.values()), tuple(named[:MAX_NAMED]), faults)


def _check_sizes(
    connection: duckdb.DuckDBPyConnection, source: Source, names: dict[str, str], notes: list[str]
) -> None:
    path = source.files[0].path
    for table, role in (("users", "user"), ("items", "item")):
        [(count, one)] = connection.execute(
            f"SELECT COUNT(*), ANY_VALUE(id) FROM {table}"
        ).fetchall()
        if count < 2:
            raise InputError(
                f"{path}: `{names[role]}` is {one!r} in every row, so it cannot tell {table} "
                f"apart: name another column with --{role}-column"
            )
        if role == "item" and count < FEWEST_ITEMS:
            notes.append(
                f"only {count} items: lists cannot be longer (export --length {count // 2}), and "
                "every model will look alike"
            )


def _write_interactions(
    connection: duckdb.DuckDBPyConnection, directory: Path, typed: Typed, repeats: Repeats
) -> int:
    """Write `interactions.parquet`, and `events.parquet` where rows repeat others; how many do."""
    has_value, has_time = typed.has_value, typed.has_time
    [(rows, distinct)] = connection.execute(
        "SELECT SUM(c), COUNT(*) FROM"
        " (SELECT COUNT(*) AS c FROM typed WHERE fault IS NULL GROUP BY uid, iid, kind)"
    ).fetchall()
    value, group, last = "val", "", "ms"
    if rows > distinct:
        group, last = "GROUP BY uid, iid, kind", "MAX(ms)"
        # Of rows without a time, or of one time, none is the last: the largest value stands.
        latest = "MAX({'ms': COALESCE(ms, 0), 'val': val}).val"
        value = "SUM(val)" if repeats == "sum" or not has_value else latest
        if has_time:
            _write_events(connection, directory)
    connection.sql(
        'SELECT users.number AS "user", items.number AS item, r.value, r.timestamp, r.kind FROM'
        f" (SELECT uid, iid, kind, CAST({value} AS DOUBLE) AS value, {last} AS timestamp"
        f" FROM typed WHERE fault IS NULL {group}) r"
        " JOIN users ON users.id = r.uid JOIN items ON items.id = r.iid ORDER BY 1, 2, 5"
    ).write_parquet(str(directory / "interactions.parquet"), compression="zstd")
    return int(rows - distinct)


def _write_events(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    connection.sql(
        'SELECT users.number AS "user", items.number AS item, r.kind, r.ms AS timestamp'
        " FROM typed r JOIN users ON users.id = r.uid JOIN items ON items.id = r.iid"
        " WHERE r.fault IS NULL ORDER BY 1, 4, r.file, r.place"
    ).write_parquet(str(directory / EVENTS), compression="zstd")


def _kept(has_value: bool, has_time: bool, repeats: Repeats) -> str:
    if not has_value:
        return "their number is the value"
    if repeats == "sum":
        return "their values are added up"
    if has_time:
        return "the value of the last is kept (--repeats sum adds them up)"
    return "without times none is the last: the largest value is kept (--repeats sum adds them up)"


def _summarise(
    staged: Staged,
    source: Source,
    directory: Path,
    format_name: str,
    skipped: Skipped,
    repeats: int,
    notes: Sequence[str],
) -> Summary:
    pairs = read_table(directory, "interactions")
    stamps = pairs["timestamp"]
    negative = pc.sum(pc.less(pairs["value"], 0)).as_py()
    notes = list(notes)
    if negative:
        many = "values are below 0: they are kept, and are no likes"
        one = "1 value is below 0: it is kept, and is no like"
        notes.append(one if negative == 1 else f"{negative:,} {many}")
    ends = pc.min_max(stamps).as_py() if stamps.null_count < len(stamps) else {}
    count = {
        name: pq.read_metadata(directory / f"{name}.parquet").num_rows
        for name in ("users", "items")
    }
    return Summary(
        format=format_name,
        files=tuple(str(file.path) for file in staged.files),
        lines=skipped.lines,
        bad_lines=skipped.bad,
        users_seen=count["users"],
        users=count["users"],
        items=count["items"],
        interactions=len(pairs),
        repeats=repeats,
        first_timestamp=ends.get("min"),
        last_timestamp=ends.get("max"),
        liked_from=source.liked_from,
        fingerprint=fingerprint(directory, ("users", "items", "interactions"), source.liked_from),
        faults=dict(skipped.faults),
        notes=tuple(notes),
    )
