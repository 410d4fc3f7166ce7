"""What the queries of this room ask of a database. There are two: DuckDB and Spark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

NAMES = ("duckdb", "spark")

Parameters = Mapping[str, Any] | None


class Engine(Protocol):
    """Runs the room's SQL, the same text on each. `$name` in a query is bound to a parameter."""

    def run(self, script: str, parameters: Parameters = None) -> None:
        """Define what a .sql file says: its statements `CREATE TABLE|VIEW name AS query`."""

    def rows(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """The rows of a query, for results of a few rows."""

    def table(self, query: str, parameters: Parameters = None) -> pa.Table:
        """The result of a query, in the memory of this process."""

    def write_parquet(self, query: str, path: Path, parameters: Parameters = None) -> None:
        """Write the result of a query to a local file."""

    def register(self, name: str, table: pa.Table) -> None:
        """Make a small table of this process one that queries can name."""
