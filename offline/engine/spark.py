"""Queries on Spark. Import it by `needing_spark`."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.storagelevel import StorageLevel

from offline.engine import Parameters
from offline.errors import InputError

FAILURES = (PySparkException, Py4JError)
"""The exceptions of Spark; `reason_of` makes a line of one."""

Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]

_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    # So that "user" is a column here as it is on DuckDB.
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.session.timeZone": "UTC",
    # Timestamps in ns, as pandas writes them, are refused otherwise.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
}
_PARTITIONS = "spark.sql.shuffle.partitions"
_STATEMENT = re.compile(r"CREATE (TABLE|VIEW) (\w+) AS\s(.*)", re.DOTALL)


class SparkEngine:
    """An `Engine` with names of its own in the Spark application of this process.

    A table is kept in Spark's cache, in memory and then on disk, until `close`.
    """

    def __init__(self, session: SparkSession) -> None:
        self.session = session.newSession()
        for name, value in _SETTINGS.items():
            self.session.conf.set(name, value)
        context = session.sparkContext
        if not context.getConf().contains(_PARTITIONS):
            # Spark's 200 make small logs slow: what is kept is not merged to fewer.
            self.session.conf.set(_PARTITIONS, str(2 * context.defaultParallelism))
        self._kept: list[DataFrame] = []

    @classmethod
    def start(cls) -> Self:
        """On the application that runs in this process, else on a new one.

        Its master, memory and so on are those of spark-submit, of PYSPARK_SUBMIT_ARGS or of
        Spark's configuration files. Raises InputError where Spark cannot start.
        """
        # Without this, tasks on this machine would run on whatever `python3` is.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        try:
            session = SparkSession.builder.appName("botify").getOrCreate()
        except (*FAILURES, OSError) as error:
            raise InputError(
                f"Spark cannot start, which needs Java 17 or later: {reason_of(error)}"
            ) from error
        # Errors are raised here too, as one line.
        session.sparkContext.setLogLevel("FATAL")
        return cls(session)

    def close(self) -> None:
        """Drop the cached tables; the application keeps running."""
        for frame in self._kept:
            frame.unpersist()

    def run(self, script: str, parameters: Parameters = None) -> None:
        for statement in re.sub(r"--[^\n]*", "", script).split(";"):
            if not statement.strip():
                continue
            found = _STATEMENT.fullmatch(statement.strip())
            assert found is not None, f"not CREATE TABLE|VIEW name AS query: {statement}"
            kind, name, query = found.groups()
            self.define(name, self._sql(query, parameters), keep=kind == "TABLE")

    def define(self, name: str, frame: DataFrame, *, keep: bool) -> None:
        """Give a frame a name; `keep` it where it is used more than once."""
        if keep:
            frame = frame.persist(StorageLevel.MEMORY_AND_DISK)
            self._kept.append(frame)
        frame.createTempView(name)

    def rows(self, query: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._sql(query, parameters).collect()]

    def table(self, query: str, parameters: Parameters = None) -> pa.Table:
        found = self._sql(query, parameters).toArrow()
        # Without Spark's notes on which columns have no NULL, which DuckDB does not make.
        return pa.table({name: found[name] for name in found.column_names})

    def write_parquet(self, query: str, path: Path, parameters: Parameters = None) -> None:
        pq.write_table(self.table(query, parameters), path, compression="zstd")

    def register(self, name: str, table: pa.Table) -> None:
        self.define(name, self.session.createDataFrame(table), keep=False)

    def _sql(self, query: str, parameters: Parameters) -> DataFrame:
        return self.session.sql(re.sub(r"\$(\w+)", r":\1", query), args=dict(parameters or {}))


def reason_of(error: Exception) -> str:
    """One line: Java's message, or Python's if a task failed in Python."""
    lines = str(getattr(error, "java_exception", error)).splitlines()
    said = [line for line in lines if "InputError: " in line]
    return said[-1].partition("InputError: ")[2] if said else lines[0]


def map_in_arrow(frame: DataFrame, task: Task, schema: str) -> DataFrame:
    """`frame` by way of `task`, which gets the rows of a partition in order, batch by batch."""
    with warnings.catch_warnings():
        # Spark warns of the version of pandas, of which nothing is used here.
        warnings.simplefilter("ignore", FutureWarning)
        return frame.mapInArrow(task, schema)
