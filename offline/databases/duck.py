"""Files of DuckDB."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from offline.databases.base import BATCH, Database, Kind, Parameters
from offline.engine.progress import Report, reporting
from offline.engine.quoting import literal, quoted

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


class Duck(Database):
    """A file of DuckDB."""

    engine = "DuckDB"
    faults = duckdb.Error

    def __init__(self, path: Path, *, writes: bool = False) -> None:
        super().__init__(str(path))
        with self._told():
            self._client = duckdb.connect(str(path), read_only=not writes)
            self._client.execute("SET TimeZone = 'UTC'")
            self._client.execute("BEGIN")

    def tables(self) -> dict[str, str]:
        with self._told():
            found = self._client.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
                " WHERE table_catalog = current_database()"
            ).fetchall()
        return {
            name if schema == "main" else f"{schema}.{name}": f"{quoted(schema)}.{quoted(name)}"
            for schema, name in found
        }

    def columns(self, relation: str) -> dict[str, Kind]:
        with self._told():
            found = self._client.sql(f"SELECT * FROM {relation} LIMIT 0")
            types = [_kind(str(kind)) for kind in found.types]
        return dict(zip(found.columns, types, strict=True))

    def quoted(self, name: str) -> str:
        return quoted(name)

    def parameter(self, name: str) -> str:
        return f"${name}"

    def batches(
        self, query: str, parameters: Parameters | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._told():
            found = self._client.sql(query, params=dict(parameters or {}))
            yield from found.to_arrow_reader(BATCH)

    def row(self, query: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
        with self._told():
            found = self._client.execute(query, dict(parameters or {})).fetchall()
        return tuple(found[0])

    def execute(self, statement: str) -> None:
        with self._told():
            self._client.execute(statement)

    def copy_csv(self, table: str, columns: Sequence[str], path: Path, report: Report) -> None:
        with self._told(), reporting(self._client, report):
            self._client.execute(
                f"COPY {table} ({', '.join(columns)}) FROM {literal(glob.escape(str(path)))}"
                " (FORMAT csv, HEADER false, AUTO_DETECT false, DELIMITER ',', QUOTE '\"',"
                " ESCAPE '\"', NULLSTR '')"
            )

    def commit(self) -> None:
        with self._told():
            self._client.execute("COMMIT")
            self._client.execute("BEGIN")

    def reason(self, fault: Exception) -> str:
        return str(fault).splitlines()[0]


def _kind(name: str) -> Kind:
    if name.startswith(_NUMBERS) or name in ("NUMBER", "UBIGINT", "UINTEGER"):
        return "number"
    return "text" if name in ("VARCHAR", "STRING") or name.startswith("ENUM") else "other"
