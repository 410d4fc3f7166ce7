"""Event logs on Spark: the table `lines` from all kinds of files, and what is wrong in it."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
from pyspark.sql import DataFrame, DataFrameReader
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import DecimalType, StructField

from offline.engine.spark import FAILURES, SparkEngine, map_in_arrow, reason_of
from offline.engine.spark_files import SparkFile, find_spark_files
from offline.engine.spark_lines import read_packed, read_rows, read_text
from offline.engine.spark_reader import SCHEMA
from offline.errors import InputError
from offline.log_files import PACKED
from offline.log_lines import BadLine
from offline.log_parquet import check_columns
from offline.logs import FIELDS, MAX_NAMED, EventLog, checked_log, names_of

_EVENTS = (
    *("n", "file", "message", "timestamp", "user_id", "track", "time", "latency"),
    *("experiments", "session", "recommendation", "recommender", "propensity"),
)


@contextmanager
def open_on_spark(paths: Sequence[str | Path]) -> Iterator[EventLog]:
    """As `offline.logs.open_logs`, which see; paths may be addresses of other file systems."""
    engine = SparkEngine.start()
    try:
        files = find_spark_files(engine.session, paths)
        try:
            engine.define("lines", _lines(engine, files), keep=True)
            log = _account(engine, files)
        except FAILURES as error:
            names = names_of([file.name for file in files])
            raise InputError(f"{names} cannot be read: {reason_of(error)}") from error
        events = engine.session.table("lines").where("usable").select(*_EVENTS)
        engine.define("events", events, keep=False)
        yield log
    finally:
        engine.close()


def _lines(engine: SparkEngine, files: Sequence[SparkFile]) -> DataFrame:
    numbers = {file.key: number for number, file in enumerate(files)}
    frames = []
    path = "_metadata.file_path AS path"
    if plain := [file.pattern for file in files if file.kind == "plain"]:
        text = (
            _read(engine)
            .text(plain, lineSep="\n")
            .selectExpr(
                "CAST(value AS BINARY) AS value", path, "_metadata.file_block_start AS block"
            )
        )
        frames.append(map_in_arrow(text, read_text(numbers), SCHEMA))
    for kind in PACKED.values():
        if packed := [file.pattern for file in files if file.kind == kind]:
            # Whole files: they have no parts, and what is left of a damaged one must be known.
            whole = _read(engine).format("binaryFile").load(packed).selectExpr("content", path)
            frames.append(map_in_arrow(whole, read_packed(numbers, kind), SCHEMA))
    for columns, group in _parquet(engine, files):
        row = "_metadata.row_index AS row"
        rows = _read(engine).parquet(*group).selectExpr(*columns, path, row)
        frames.append(map_in_arrow(rows, read_rows(numbers), SCHEMA))
    first, *others = frames
    for frame in others:
        first = first.unionAll(frame)
    return first


def _read(engine: SparkEngine) -> DataFrameReader:
    # Else directories named dt=2024-02-29 would be read as a column, and all have to have it.
    return engine.session.read.option("recursiveFileLookup", "true")


def _parquet(
    engine: SparkEngine, files: Sequence[SparkFile]
) -> Iterator[tuple[list[str], list[str]]]:
    """Columns and files, for each of the schemas that there are."""
    found = []
    with duckdb.connect() as connection:
        for file in files:
            if file.kind != "parquet":
                continue
            frame = _read(engine).parquet(file.pattern)
            columns = [_column(field) for field in frame.schema if field.name in FIELDS]
            schema = to_arrow_schema(frame.selectExpr(*columns).schema)
            connection.register("part", schema.empty_table())
            check_columns(connection, "part", file.name)
            found.append((frame.schema.simpleString(), columns, file.pattern))
    found.sort(key=lambda one: one[0])
    for _, group in itertools.groupby(found, key=lambda one: one[0]):
        of = list(group)
        yield of[0][1], [pattern for *_, pattern in of]


def _column(field: StructField) -> str:
    # What Spark makes of unsigned integers of 64 bits. A user may have such an id, these may not.
    unsigned = field.dataType == DecimalType(20, 0) and field.name in ("timestamp", "track")
    return f"TRY_CAST({field.name} AS BIGINT) AS {field.name}" if unsigned else f"`{field.name}`"


def _account(engine: SparkEngine, files: Sequence[SparkFile]) -> EventLog:
    lines, usable = engine.rows("SELECT COUNT(usable), COUNT_IF(usable) FROM lines")[0]
    found = [] if usable == lines else _bad(engine, files)
    return checked_log(engine, [file.name for file in files], lines, usable, found)


def _bad(engine: SparkEngine, files: Sequence[SparkFile]) -> list[BadLine]:
    # Where a part of a file begins is known in bytes; lines must be counted.
    parts = engine.rows("SELECT file, block, COUNT(*) FROM lines GROUP BY file, block")
    before: dict[tuple[int, int], int] = {}
    for _, group in itertools.groupby(sorted(parts), key=lambda part: part[0]):
        count = 0
        for file, block, lines in group:
            before[file, block] = count
            count += lines
    rows = engine.rows(
        "SELECT file, block, row, reason FROM lines WHERE NOT usable ORDER BY n LIMIT $most",
        {"most": MAX_NAMED},
    )
    return [
        BadLine(files[file].name, before[file, block] + row + 1, reason)
        for file, block, row, reason in rows
    ]
