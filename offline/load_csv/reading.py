"""A CSV file as rows that a database takes: checked, each key once, bad rows counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from offline.engine.progress import Report, reporting
from offline.engine.quoting import literal, quoted
from offline.errors import InputError
from offline.importing.clean_text import clean_text
from offline.importing.guess import csv_header, delimiter_of
from offline.importing.lines import lines_inside_cells, lines_of_rows
from offline.importing.source import File
from offline.importing.stage import escaped
from offline.load_csv.tables import Table, Type, table_of
from offline.logs.bad_lines import BadLine, Skipped

_NAMED = 1000


@dataclass(frozen=True)
class Rows:
    """The rows of a file, in a file of their own that every database reads."""

    path: Path
    table: Table
    names: tuple[str, ...]
    """Columns of the table that the file has."""
    clean: Path
    count: int
    repeats: int
    """Rows of a key that is there already."""
    skipped: Skipped
    notes: tuple[str, ...]


def read_rows(path: Path, scratch: Path, report: Report | None = None) -> Rows:
    """Read and check a file. Raises InputError where it is of no known table or not readable."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    text = clean_text(path, scratch)
    delimiter = delimiter_of(text.path)
    header = csv_header(text.path, delimiter)
    table = table_of(path, header)
    twice = {name for name in header if [*map(str.lower, header)].count(name.lower()) > 1}
    if twice & table.columns.keys():
        raise InputError(f"{path}: column {min(twice)!r} is there more than once: rename it")
    cells = {name.lower(): f"c{place}" for place, name in enumerate(header)}
    names = tuple(name for name in table.columns if name in cells)
    try:
        with duckdb.connect(str(scratch / f"{table.name}.duckdb")) as connection:
            with reporting(connection, report):
                _read(connection, text.path, len(header), delimiter)
                _check(connection, table, names, cells)
                clean = scratch / f"{table.name}.csv"
                count = _write(connection, table, names, clean)
            file = File(path=path, delimiter=delimiter)
            skipped = _skipped(connection, file, text.path, len(header))
            [(good,)] = connection.execute(
                "SELECT COUNT(*) FROM typed WHERE fault IS NULL"
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    return Rows(path, table, names, clean, count, good - count, skipped, text.notes)


def _read(connection: duckdb.DuckDBPyConnection, text: Path, width: int, delimiter: str) -> None:
    shape = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(width))
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(
        "CREATE TABLE raw AS SELECT ROW_NUMBER() OVER () - 1 AS place, * FROM"
        f" read_csv({literal(escaped(text))}, auto_detect = false, header = true,"
        f" columns = {{{shape}}}, delim = {literal(delimiter)}, quote = '\"', escape = '\"',"
        " strict_mode = true, max_line_size = 16777216, store_rejects = true)"
    )


def _check(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    names: Sequence[str],
    cells: dict[str, str],
) -> None:
    """Make `typed`: the columns with their types, and the fault of each row."""
    texts = {name: f"NULLIF(TRIM({cells[name]}), '')" for name in names}
    faults = [
        (f"{texts[name]} IS NULL", f"no `{name}`", "NULL")
        for name in names
        if name in table.needed
    ]
    for name in names:
        kind = table.columns[name]
        if kind != "TEXT":
            wrong = f"{texts[name]} IS NOT NULL AND {_typed(texts[name], kind)} IS NULL"
            faults.append((wrong, f"`{name}` is no {_WANTED[kind]}", texts[name]))
    cases = "".join(f" WHEN {when} THEN {literal(what)}" for when, what, _ in faults)
    shown = "".join(f" WHEN {when} THEN {which}" for when, _, which in faults)
    columns = ", ".join(
        f"{_typed(texts[name], table.columns[name])} AS {quoted(name)}" for name in names
    )
    connection.execute(
        f"CREATE TABLE typed AS SELECT place, {columns}, CASE{cases} END AS fault,"
        f" CASE{shown} END AS shown FROM raw"
    )


_WANTED = {
    "BIGINT": "whole number",
    "DOUBLE PRECISION": "number",
    "FLAG": "True or False: cells of the row are shifted",
}


def _typed(text: str, kind: Type) -> str:
    if kind == "BIGINT":
        return (
            f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN TRY_CAST({text} AS BIGINT) END"
        )
    if kind == "DOUBLE PRECISION":
        number = f"TRY_CAST({text} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "FLAG":
        return f"CASE LOWER({text}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
    return text


def _write(
    connection: duckdb.DuckDBPyConnection, table: Table, names: Sequence[str], clean: Path
) -> int:
    """Write the good rows, of each key one; how many."""
    key = ", ".join(map(quoted, table.key))
    columns = ", ".join(map(quoted, names))
    order = "place"
    if table.latest in names:
        order = f"{quoted(table.latest or '')} DESC NULLS LAST, rating DESC, place"
    found = connection.execute(
        f"COPY (SELECT {columns} FROM typed WHERE fault IS NULL"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order}) = 1 ORDER BY {key})"
        f" TO {literal(str(clean))} (FORMAT csv, HEADER false, NULLSTR '')"
    ).fetchall()
    return int(found[0][0])


def _skipped(connection: duckdb.DuckDBPyConnection, file: File, text: Path, width: int) -> Skipped:
    [(rows,)] = connection.execute("SELECT COUNT(*) FROM raw").fetchall()
    faults: dict[str, int] = {}
    named: list[BadLine] = []
    for line, kind in connection.execute(
        "SELECT line, FIRST(error_type) FROM reject_errors GROUP BY line ORDER BY line"
    ).fetchall():
        fault = f"not {width} columns"
        count = 1
        if kind == "UNQUOTED VALUE":
            fault = "a quotation mark is not closed"
            count = max(1, lines_inside_cells(text, rows + 1))
        elif "COLUMNS" not in kind:
            fault = kind.replace("_", " ").lower()
        faults[fault] = faults.get(fault, 0) + count
        named.append(BadLine(file.path, int(line), fault))
    odd = connection.execute(
        "SELECT place, fault, shown FROM typed WHERE fault IS NOT NULL ORDER BY place"
    ).fetchall()
    lines = lines_of_rows(file, text, [place for place, _, _ in odd[:_NAMED]])
    for place, fault, shown in odd:
        faults[fault] = faults.get(fault, 0) + 1
        if place in lines:
            reason = fault if shown is None else f"{fault}: {str(shown)[:40]!r}"
            named.append(BadLine(file.path, lines[place], reason))
    named.sort(key=lambda bad: bad.line)
    bad = sum(faults.values())
    return Skipped(rows + bad - len(odd), bad, tuple(named), faults)
