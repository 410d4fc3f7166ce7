"""PostgreSQL, by psycopg."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
from psycopg import sql

from offline.databases.base import BATCH, Database, Kind, Parameters, as_batch
from offline.engine.progress import Report
from offline.errors import InputError

_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "oid"}
_TEXTS = {"text", "varchar", "bpchar", "name", "char"}
_TIMEOUT_S = 10
_PIECE = 1 << 20
_TABLES = """
SELECT
    pg_namespace.nspname, pg_class.relname, pg_table_is_visible(pg_class.oid)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE relkind IN ('r', 'v', 'm', 'p', 'f') AND nspname NOT IN ('pg_catalog', 'information_schema')
    AND nspname NOT LIKE 'pg\\_t%' ESCAPE '\\'
"""


class Postgres(Database):
    """A database of a PostgreSQL server, by URL; a password may also be in PGPASSWORD."""

    engine = "PostgreSQL"
    faults = psycopg.Error

    def __init__(self, url: str, *, writes: bool = False) -> None:
        super().__init__(_shown(url))
        with self._told():
            self._client = psycopg.connect(url, connect_timeout=_TIMEOUT_S)
            self._client.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._client.read_only = not writes
            if writes:
                self._client.isolation_level = psycopg.IsolationLevel.READ_COMMITTED

    def tables(self) -> dict[str, str]:
        with self._told():
            found = self._client.execute(_TABLES.encode()).fetchall()
        return {
            name if visible else f"{schema}.{name}": f"{self.quoted(schema)}.{self.quoted(name)}"
            for schema, name, visible in found
        }

    def columns(self, relation: str) -> dict[str, Kind]:
        with self._told():
            cursor = self._client.execute(f"SELECT * FROM {relation} LIMIT 0".encode(), {})
        types = self._client.adapters.types
        found: dict[str, Kind] = {}
        for column in cursor.description or ():
            info = types.get(column.type_code)
            name = info.name if info is not None else ""
            found[column.name] = (
                "number" if name in _NUMBERS else "text" if name in _TEXTS else "other"
            )
        return found

    def quoted(self, name: str) -> str:
        return sql.Identifier(name).as_string(self._client).replace("%", "%%")

    def parameter(self, name: str) -> str:
        return f"%({name})s"

    def in_byte_order(self, column: str, kind: Kind) -> str:
        return f'{column} COLLATE "C"' if kind == "text" else column

    def subquery(self, query: str) -> str:
        return super().subquery(query.replace("%", "%%"))

    def batches(
        self, query: str, parameters: Parameters | None = None
    ) -> Iterator[pa.RecordBatch]:
        with self._told(), self._client.cursor(name="botify_rows") as cursor:
            cursor.execute(query.encode(), parameters or {})
            names = [column.name for column in cursor.description or ()]
            while rows := cursor.fetchmany(BATCH):
                yield as_batch(names, rows)

    def row(self, query: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
        with self._told():
            found: tuple[Any, ...] | None = self._client.execute(
                query.encode(), parameters or {}
            ).fetchone()
        assert found is not None
        return found

    def execute(self, statement: str) -> None:
        with self._told():
            self._client.execute(statement.encode(), {})

    def copy_csv(self, table: str, columns: Sequence[str], path: Path, report: Report) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)"
        size, done = max(1, path.stat().st_size), 0
        with (
            self._told(),
            path.open("rb") as file,
            self._client.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            while piece := file.read(_PIECE):
                copy.write(piece)
                done += len(piece)
                report(done / size)

    def commit(self) -> None:
        with self._told():
            self._client.commit()

    def reason(self, fault: Exception) -> str:
        return _reason(fault)


def _shown(url: str) -> str:
    """The server and the database, without a user and a password. Raises InputError."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
    except ValueError as error:
        raise InputError(f"no URL of PostgreSQL: {error}") from error
    return f"{host}{parts.path}"


def _reason(error: Exception) -> str:
    """What is wrong, in a line that says what to change."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if isinstance(error, psycopg.OperationalError) and lines else ""
    text = text or (lines[0] if lines else type(error).__name__)
    for found, what in (
        ("Connection refused", "PostgreSQL does not answer there: start it, or change the URL"),
        ("timeout expired", "PostgreSQL does not answer there: start it, or change the URL"),
        ("could not translate host name", "no such host: change the URL"),
        ("Name or service not known", "no such host: change the URL"),
        ("no password supplied", "a password is needed: in the URL, or in PGPASSWORD"),
    ):
        if found in str(error):
            return what
    return text.rpartition("FATAL:")[2].strip() or text
