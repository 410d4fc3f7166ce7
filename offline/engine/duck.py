"""Queries on DuckDB."""

import os
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from offline.engine import Parameters


class DuckEngine:
    """An `Engine` on one connection, which the caller closes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, script: str, parameters: Parameters = None) -> None:
        self._connection.execute(script, parameters)

    def rows(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection.execute(query, parameters).fetchall()
        return found

    def table(self, query: str, parameters: Parameters = None) -> pa.Table:
        return self._connection.sql(query, params=parameters).to_arrow_table()

    def write_parquet(self, query: str, path: Path, parameters: Parameters = None) -> None:
        relation = self._connection.sql(query, params=parameters)
        try:
            relation.write_parquet(str(path), compression="zstd")
        except duckdb.IOException as error:
            if found := re.search(r'"errno":"(\d+)"', str(error)):
                raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
            raise OSError(" ".join(str(error).split())) from error

    def register(self, name: str, table: pa.Table) -> None:
        # A table of its own, not a view of the memory: its size is then there for the optimizer.
        self._connection.register("incoming", table)
        self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        self._connection.unregister("incoming")
