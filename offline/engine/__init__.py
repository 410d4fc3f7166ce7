"""The interface between queries and a database, of which there are two: DuckDB and Spark."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pyarrow as pa

from offline.errors import InputError

NAMES = ("duckdb", "spark")

Parameters = Mapping[str, Any] | None


class Engine(Protocol):
    """Runs the room's SQL, the same text on each. `$name` in a query is bound to a parameter."""

    def run(self, script: str, parameters: Parameters = None) -> None:
        """Execute the statements of a .sql file: `CREATE TABLE|VIEW name AS query`."""

    def rows(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """The rows of a query, for results of a few rows."""

    def table(self, query: str, parameters: Parameters = None) -> pa.Table:
        """The result of a query, in the memory of this process."""

    def write_parquet(self, query: str, path: Path, parameters: Parameters = None) -> None:
        """Write the result of a query to a local file."""

    def register(self, name: str, table: pa.Table) -> None:
        """Make a small table of this process one that queries can name."""


def needing_spark(module: str) -> ModuleType:
    """Import a module that imports pyspark: only where Spark is asked for, it need be there.

    Raises InputError where it is not.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("pyspark"):
            raise
        raise InputError("--engine spark needs pyspark: pip install 'botify[spark]'") from error
