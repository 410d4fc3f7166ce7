"""Files of SQLite."""

import csv
import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from offline.databases.base import BATCH, Database, Kind, Parameters, as_batch
from offline.engine.progress import Report
from offline.engine.quoting import quoted

_WAIT_S = 10.0


class Sqlite(Database):
    """A file of SQLite, whose columns may hold anything."""

    engine = "SQLite"
    faults = sqlite3.Error

    def __init__(self, path: Path, *, writes: bool = False) -> None:
        super().__init__(str(path))
        mode = "rwc" if writes else "ro"
        with self._told():
            self._client = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                timeout=_WAIT_S,
            )
            self._client.create_function("is_number", 1, _is_number, deterministic=True)
            self._client.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    def tables(self) -> dict[str, str]:
        with self._told():
            found = self._client.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
                " AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
        return {name: quoted(name) for (name,) in found}

    def columns(self, relation: str) -> dict[str, Kind]:
        with self._told():
            cursor = self._client.execute(f"SELECT * FROM {relation} LIMIT 0")
        return {column[0]: "any" for column in cursor.description}

    def quoted(self, name: str) -> str:
        return quoted(name)

    def parameter(self, name: str) -> str:
        return f":{name}"

    def in_byte_order(self, column: str, kind: Kind) -> str:
        return f"{column} COLLATE BINARY"

    def batches(
        self, query: str, parameters: Parameters | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._told():
            cursor = self._client.execute(query, parameters or {})
            names = [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(BATCH):
                yield as_batch(names, rows)

    def row(self, query: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
        with self._told():
            found: tuple[Any, ...] | None = self._client.execute(
                query, parameters or {}
            ).fetchone()
        assert found is not None
        return found

    def execute(self, statement: str) -> None:
        with self._told():
            self._client.execute(statement)

    def copy_csv(self, table: str, columns: Sequence[str], path: Path, report: Report) -> None:
        marks = ", ".join("?" * len(columns))
        size = max(1, path.stat().st_size)

        def rows(file: TextIO) -> Iterator[list[str | None]]:
            for number, cells in enumerate(csv.reader(file)):
                if not number % BATCH:
                    report(min(1.0, file.buffer.tell() / size))
                yield [cell or None for cell in cells]

        with self._told(), path.open(encoding="utf-8", newline="") as file:
            self._client.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows(file)
            )

    def commit(self) -> None:
        with self._told():
            self._client.execute("COMMIT")
            self._client.execute("BEGIN IMMEDIATE")


def _is_number(value: object) -> bool:
    """Whether a cast to a number loses nothing: SQLite itself takes any text for one."""
    if isinstance(value, bytes):
        return False
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False
