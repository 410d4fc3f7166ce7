"""Loads CSV files into a database in one transaction: all rows, once, or none."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from offline.databases.base import Database
from offline.databases.connect import open_database
from offline.engine.progress import Report
from offline.errors import InputError
from offline.load_csv.reading import Rows, read_rows
from offline.load_csv.tables import Table
from offline.logs.bad_lines import BAD_STOP, check_bad_lines

Stage = Callable[[str], Report]


class Loaded(NamedTuple):
    """What became of a file."""

    rows: Rows
    new: int
    """Rows of the table that were not there before."""
    total: int
    """Rows of the table."""


def load_csv(
    paths: Sequence[Path],
    to: str,
    *,
    allow_bad: bool = False,
    stage: Stage = lambda name: lambda share: None,
) -> list[Loaded]:
    """Load files; which table each is of, its header says.

    A row whose key is in the table takes that row's place, so that loading again changes nothing.
    All is one transaction: whatever ends it early leaves the database as it was.

    Raises InputError for files and databases that cannot be used, and where more than 5 % of the
    rows of a file are bad, unless `allow_bad`.
    """
    with tempfile.TemporaryDirectory(prefix="botify-load-") as place:
        found: list[Rows] = []
        for number, path in enumerate(paths):
            scratch = Path(place) / str(number)
            scratch.mkdir()
            rows = read_rows(path, scratch, stage(f"reading {path.name}"))
            if not rows.skipped.lines:
                raise InputError(f"{path}: no rows")
            check_bad_lines(rows.skipped, 1.0 if allow_bad else BAD_STOP, "rows", str(path))
            same = [other.path for other in found if other.table is rows.table]
            if same:
                raise InputError(f"{same[0]} and {path} are both of the table {rows.table.name}")
            found.append(rows)
        with open_database(to, writes=True) as database:
            loaded = [_load(database, rows, stage(f"loading {rows.path.name}")) for rows in found]
            database.commit()
    return loaded


def _load(database: Database, rows: Rows, report: Report) -> Loaded:
    table = rows.table
    name = database.quoted(table.name)
    staging = database.quoted(f"botify_new_{table.name}")
    columns = [database.quoted(column) for column in rows.names]
    listed, key = ", ".join(columns), ", ".join(map(database.quoted, table.key))
    _make(database, table)
    [before] = database.row(f"SELECT COUNT(*) FROM {name}")
    types = [_type(table, column) for column in rows.names]
    shape = ", ".join(f"{column} {kind}" for column, kind in zip(columns, types, strict=True))
    database.execute(f"CREATE TEMPORARY TABLE {staging} ({shape})")
    database.copy_csv(staging, columns, rows.clean, report)
    others = [
        column for column, plain in zip(columns, rows.names, strict=True) if plain not in table.key
    ]
    replaced = ", ".join(f"{column} = excluded.{column}" for column in others)
    try:
        database.execute(
            f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {staging} WHERE TRUE"
            f" ON CONFLICT ({key}) DO UPDATE SET {replaced}"
        )
    except InputError as error:
        if "conflict" not in str(error).lower():
            raise
        raise InputError(
            f"{database.shown}: its table {table.name} was made without a key, so that rows could "
            f"double: remove those that are double, then ALTER TABLE {table.name} ADD PRIMARY KEY "
            f"({', '.join(table.key)}), or drop the table"
        ) from error
    database.execute(f"DROP TABLE {staging}")
    [after] = database.row(f"SELECT COUNT(*) FROM {name}")
    return Loaded(rows, int(after) - int(before), int(after))


def _make(database: Database, table: Table) -> None:
    """Make the table with its key and indexes; one that is there must have the columns."""
    name = database.quoted(table.name)
    shape = ", ".join(
        f"{database.quoted(column)} {_type(table, column)}" for column in table.columns
    )
    key = ", ".join(map(database.quoted, table.key))
    database.execute(f"CREATE TABLE IF NOT EXISTS {name} ({shape}, PRIMARY KEY ({key}))")
    there = {column.lower() for column in database.columns(name)}
    missing = [column for column in table.columns if column not in there]
    if missing:
        raise InputError(
            f"{database.shown}: its table {table.name} has no column {missing[0]}; it has "
            f"{', '.join(sorted(there))}: drop the table, or add the column"
        )
    for column in table.index:
        index = database.quoted(f"{table.name}_{column}")
        database.execute(
            f"CREATE INDEX IF NOT EXISTS {index} ON {name} ({database.quoted(column)})"
        )


def _type(table: Table, column: str) -> str:
    kind = table.columns[column]
    return "SMALLINT" if kind == "FLAG" else kind
