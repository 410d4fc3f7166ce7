"""Factors in PostgreSQL, with vectors of pgvector's type where it is there."""

import threading
from collections.abc import Callable
from typing import Any, LiteralString

import numpy as np
import psycopg
from psycopg import sql

from botify.factors.source import FactorSource, SourceError
from contract.factor_stores import ITEMS, SCHEMA, USERS, StoreUrl, table
from contract.factors import BLOCK_ITEMS, HEADER, VECTORS, Manifest, item_code

_HALF_HEADER = 4
"""Bytes before the numbers of a halfvec, as `halfvec_send` gives it."""
_ARRAY_HEADER = 20
"""Bytes before the elements of an array of one dimension, as `array_send` gives it."""


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection that does not wait for ever: a server may accept it and then be silent."""

    seconds: float | None = None
    timed_out = False

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the base class; without another limit, for `seconds`."""
        try:
            return super().wait(gen, interval, self.seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.timed_out = True
            self.pgconn.finish()  # the answer may come yet, and must not be that of another query
            raise psycopg.OperationalError(f"no answer within {self.seconds:g} s") from error


class PostgresSource(FactorSource):
    """Tables for each version; a connection for each thread."""

    failures = (psycopg.Error, OSError)

    def __init__(self, url: StoreUrl, timeout: float) -> None:
        super().__init__(url, timeout)
        self._local = threading.local()
        self._halfvec: dict[tuple[str, str], bool] = {}
        """Whether vectors are of that type, by side and version."""

    def active(self) -> bytes | None:
        """A row of the table `active`."""
        query = "SELECT value FROM {}.active WHERE name = %s"
        row = self._one(query, (self._url.name,))
        return None if row is None else str(row[0]).encode()

    def holds(self, side: str, version: str) -> bool:
        """Whether it is listed."""
        query = "SELECT halfvec FROM {}.versions WHERE name = %s AND side = %s AND version = %s"
        row = self._one(query, (self._url.name, side, version))
        if row is not None:
            self._halfvec[side, version] = bool(row[0])
        return row is not None

    def blob(self, version: str, name: str) -> bytes:
        """A row of the version's table; vectors may have rows of their own."""
        kind, _, number = name.rpartition("-")
        if kind == VECTORS and self._has_halfvec(ITEMS, version):
            return self._vectors(version, int(number) * BLOCK_ITEMS)
        query = "SELECT content FROM {} WHERE blob = %s"
        row = self._one(query, (name,), (ITEMS, version))
        if row is None:
            raise SourceError(f"{self.where}: version {version} has no {name}")
        return bytes(row[0])

    def record(self, manifest: Manifest, user: str) -> bytes | None:
        """A row of the version's table."""
        place = (USERS, manifest.version)
        if not self._has_halfvec(*place):
            row = self._one('SELECT record FROM {} WHERE "user" = %s', (user,), place)
            return None if row is None else bytes(row[0])
        query: LiteralString = (
            'SELECT record, halfvec_send(vector), array_send(rated) FROM {} WHERE "user" = %s'
        )
        row = self._one(query, (user,), place)
        return None if row is None else _joined(*row, code=item_code(manifest.items))

    def close(self) -> None:
        """The connection of this thread; those of others are closed with them."""
        if (connection := getattr(self._local, "connection", None)) is not None:
            connection.close()
            self._local.connection = None

    def _has_halfvec(self, side: str, version: str) -> bool:
        if (side, version) not in self._halfvec and not self.holds(side, version):
            raise SourceError(f"{self.where}: the {side} of version {version} are gone")
        return self._halfvec[side, version]

    def _vectors(self, version: str, first: int) -> bytes:
        """The rows of a block, which begins at the item `first`."""
        query: LiteralString = (
            "SELECT string_agg(halfvec_send(vector), '' ORDER BY number), count(*) FROM {} "
            "WHERE number >= %s AND number < %s"
        )
        row = self._one(query, (first, first + BLOCK_ITEMS), (VECTORS, version))
        if row is None or not row[1]:
            raise SourceError(f"{self.where}: version {version} has no vectors from {first}")
        rows = np.frombuffer(row[0], np.uint8).reshape(row[1], -1)[:, _HALF_HEADER:]
        return np.ascontiguousarray(rows).view(">f2").astype("<f2").tobytes()

    def _one(
        self, query: LiteralString, values: tuple[Any, ...], place: tuple[str, str] | None = None
    ) -> Any:
        """The first row of a query about the schema, or about a table of a version in it."""
        where = sql.Identifier(SCHEMA)
        if place is not None:
            where = sql.Identifier(SCHEMA, table(self._url.name, *place))
        text = sql.SQL(query).format(where)

        def ask(connection: _BoundedConnection) -> Any:
            return connection.execute(text, values, binary=True).fetchone()

        with self.as_source_errors():
            try:
                return self._asked(ask)
            except psycopg.errors.UndefinedTable:  # nothing was published, or it is gone
                return None

    def _asked(self, ask: Callable[[_BoundedConnection], Any]) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            try:
                return ask(connection)
            except psycopg.OperationalError:
                # It may have been closed since its last use: once more, by a new one.
                if not connection.closed or connection.timed_out:
                    raise
        self._local.connection = connection = _connect(self._url.url, self._timeout)
        return ask(connection)


def _connect(url: str, timeout: float) -> _BoundedConnection:
    # Statements are prepared from their first use on: always the same few are asked.
    seconds = max(1, round(timeout))
    found = _BoundedConnection.connect(
        url, autocommit=True, connect_timeout=seconds, prepare_threshold=0
    )
    found.seconds = timeout
    return found


def _joined(record: bytes, vector: bytes, rated: bytes, *, code: str) -> bytes:
    """A record as `contract.factors` has it, from its parts in the columns."""
    numbers = np.frombuffer(rated, ">i4")[_ARRAY_HEADER // 4 :]
    items = numbers.reshape(-1, 2)[:, 1].astype("<u2" if code == "H" else "<u4")
    half = np.frombuffer(vector, ">f2", offset=_HALF_HEADER).astype("<f2")
    return b"".join(
        (record[: HEADER.size], half.tobytes(), items.tobytes(), record[HEADER.size :])
    )
