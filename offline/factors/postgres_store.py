"""Factors in PostgreSQL: tables for each version; vectors of pgvector's type where it is there."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import LiteralString

import numpy as np
import psycopg
from psycopg import sql

from contract.factor_stores import ITEMS, MANIFEST, SCHEMA, USERS, StoreUrl, table
from contract.factors import BLOCK_ITEMS, HEADER, VECTORS, Manifest, encode_manifest, item_code
from offline.errors import InputError
from offline.factors import pg_copy
from offline.factors.lease import wait_for
from offline.factors.store import FactorStore, ItemContent, Records, check_count

_PREPARE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.versions (
    name text, side text, version text, count bigint NOT NULL, halfvec boolean NOT NULL,
    PRIMARY KEY (name, side, version));
CREATE TABLE IF NOT EXISTS {schema}.active (name text PRIMARY KEY, value text NOT NULL)
"""


class PostgresStore(FactorStore):
    """A version is written in one transaction, so that no part of one is ever there."""

    failures = (psycopg.Error, OSError)

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(url)
        digest = hashlib.sha256(f"{SCHEMA}:{url.name}".encode()).digest()
        self._lock_key = int.from_bytes(digest[:8], "big", signed=True)
        try:
            self._db = psycopg.connect(url.url, autocommit=True, connect_timeout=10)
            self._prepare()
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{url.shown}: {reason}") from error

    def _prepare(self) -> None:
        """Make what is missing: the schema, its two tables, and pgvector where that can be."""
        with self._db.transaction():
            self._db.execute("SELECT pg_advisory_xact_lock(%s)", (self._lock_key + 1,))
            self._db.execute(sql.SQL(_PREPARE).format(schema=sql.Identifier(SCHEMA)))
        with suppress(psycopg.Error):  # not there, or not ours to enable: bytea does as well
            self._db.execute("CREATE EXTENSION IF NOT EXISTS vector")
        (self.has_halfvec,) = self._db.execute(
            "SELECT to_regtype('halfvec') IS NOT NULL"
        ).fetchone() or (False,)

    def versions(self, side: str) -> dict[str, int]:
        """Those listed."""
        query = "SELECT version, count FROM {}.versions WHERE name = %s AND side = %s"
        rows = self._db.execute(self._in_schema(query), (self.url.name, side)).fetchall()
        return {str(version): int(count) for version, count in rows}

    def leftovers(self, side: str) -> list[str]:
        """None: a transaction leaves nothing."""
        return []

    def put_users(self, manifest: Manifest, records: Records) -> None:
        """With pgvector, what the database ranks by has columns of its own."""
        where = self._table(USERS, manifest.version)
        columns = '"user" text, record bytea'
        if self.has_halfvec:
            columns += f", vector halfvec({manifest.dimension}), rated integer[]"
        with self._db.transaction():
            self._create(where, columns)
            self._copy(where, self._user_rows(manifest, records))
            self._db.execute(sql.SQL('ALTER TABLE {} ADD PRIMARY KEY ("user")').format(where))
            found = self._db.execute(sql.SQL("SELECT count(*) FROM {}").format(where)).fetchone()
            check_count(self, USERS, found[0] if found else 0, manifest.users)
            self._list(USERS, manifest.version, manifest.users)

    def put_items(self, content: ItemContent) -> None:
        """The manifest and the blobs; with pgvector, a row for each vector instead."""
        manifest = content.manifest
        version = manifest.version
        where = self._table(ITEMS, version)
        rows = []
        vectors: list[tuple[int, bytes]] = []
        for name, blob in content.blobs:
            kind, _, number = name.rpartition("-")
            if self.has_halfvec and kind == VECTORS:
                vectors.append((int(number), blob))
            else:
                rows.append((name.encode(), blob))
        rows.append((MANIFEST.encode(), encode_manifest(manifest)))
        with self._db.transaction():
            self._create(where, "blob text PRIMARY KEY, content bytea")
            self._copy(where, map(pg_copy.row, rows))
            if self.has_halfvec:
                place = self._table(VECTORS, version)
                columns = f"number integer, item text, vector halfvec({manifest.dimension})"
                self._create(place, columns)
                self._copy(place, _vector_rows(vectors, manifest.dimension, content.ids))
                self._db.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (number)").format(place))
            self._list(ITEMS, version, manifest.items)

    def drop(self, side: str, version: str) -> None:
        """In one transaction, which waits for readers' queries to end."""
        query = "DELETE FROM {}.versions WHERE name = %s AND side = %s AND version = %s"
        with self._db.transaction():
            self._db.execute("SET LOCAL lock_timeout = '30s'")
            self._db.execute(self._in_schema(query), (self.url.name, side, version))
            for part in (side, VECTORS) if side == ITEMS else (side,):
                name = self._table(part, version)
                self._db.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(name))

    def active(self) -> bytes | None:
        """A row of the table `active`."""
        query = self._in_schema("SELECT value FROM {}.active WHERE name = %s")
        row = self._db.execute(query, (self.url.name,)).fetchone()
        return None if row is None else str(row[0]).encode()

    def set_active(self, active: bytes) -> None:
        """Over the connection that has the lock: without the lock there is no connection."""
        query = """INSERT INTO {}.active VALUES (%s, %s)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
        self._db.execute(self._in_schema(query), (self.url.name, active.decode()))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """By an advisory lock, which ends with the connection."""

        def take() -> bool:
            row = self._db.execute("SELECT pg_try_advisory_lock(%s)", (self._lock_key,)).fetchone()
            return row is not None and bool(row[0])

        wait_for(self.url.shown, take)
        try:
            yield
        finally:
            if not self._db.broken:
                self._db.execute("SELECT pg_advisory_unlock(%s)", (self._lock_key,))

    def close(self) -> None:
        """The connection."""
        self._db.close()

    def _user_rows(self, manifest: Manifest, records: Records) -> Iterator[bytes]:
        vector = slice(HEADER.size, HEADER.size + 2 * manifest.dimension)
        width = 2 if item_code(manifest.items) == "H" else 4
        for some in records:
            for user, record in some:
                values = [user.encode(), record]
                if self.has_halfvec:
                    rated, _, _ = HEADER.unpack_from(record)
                    end = vector.stop + width * rated
                    numbers = np.frombuffer(record[vector.stop : end], f"<u{width}")
                    rest = record[: HEADER.size] + record[end:]
                    half = pg_copy.halfvec(record[vector])
                    values = [user.encode(), rest, half, pg_copy.int4_array(numbers)]
                yield pg_copy.row(values)

    def _copy(self, where: sql.Composable, rows: Iterable[bytes]) -> None:
        query = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(where)
        with self._db.cursor() as cursor, cursor.copy(query) as copy:
            copy.write(pg_copy.HEADER)
            for row in rows:
                copy.write(row)
            copy.write(pg_copy.END)

    def _create(self, where: sql.Composable, columns: LiteralString) -> None:
        made = sql.SQL("CREATE TABLE {} ({})").format(where, sql.SQL(columns))
        self._db.execute(made)

    def _list(self, side: str, version: str, count: int) -> None:
        query = self._in_schema("INSERT INTO {}.versions VALUES (%s, %s, %s, %s, %s)")
        self._db.execute(query, (self.url.name, side, version, count, self.has_halfvec))

    def _table(self, side: str, version: str) -> sql.Composable:
        return sql.Identifier(SCHEMA, table(self.url.name, side, version))

    def _in_schema(self, query: LiteralString) -> sql.Composed:
        return sql.SQL(query).format(sql.Identifier(SCHEMA))


def _vector_rows(
    vectors: Iterable[tuple[int, bytes]], dimension: int, ids: Sequence[str]
) -> Iterator[bytes]:
    """A row for each item, from the blobs of vectors, by their number."""
    for block, blob in vectors:
        for at in range(0, len(blob), 2 * dimension):
            number = block * BLOCK_ITEMS + at // (2 * dimension)
            half = pg_copy.halfvec(blob[at : at + 2 * dimension])
            yield pg_copy.row([pg_copy.int4(number), ids[number].encode(), half])
