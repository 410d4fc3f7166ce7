"""Event logs on Spark: the table `lines` from all kinds of files, and its bad lines."""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from pyspark.sql import DataFrame, DataFrameReader
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import DecimalType, StringType, StructField

from offline.engine.spark import FAILURES, SparkEngine, map_in_arrow, reason_of
from offline.errors import InputError
from offline.logs.bad_lines import BadLine, Skipped
from offline.logs.decompress import PACKED
from offline.logs.forms import MUSIC, LineForm
from offline.logs.json_lines import FIELDS, HERE
from offline.logs.line_filter import LineFilter
from offline.logs.normalise import problem_of
from offline.logs.parquet import check_columns, note_on_padded
from offline.logs.reader import MAX_NAMED, EventLog, checked_log, names_of
from offline.logs.spark.hadoop_files import SparkFile, find_spark_files, read_head
from offline.logs.spark.line_parser import SCHEMAS
from offline.logs.spark.tasks import read_packed, read_rows, read_text
from offline.logs.time_units import SIZES, timestamps_of


@contextmanager
def open_on_spark(
    paths: Sequence[str | Path],
    line_filter: LineFilter | None = None,
    form: LineForm = MUSIC,
) -> Iterator[EventLog]:
    """As `offline.logs.reader.open_logs`; paths may be addresses of other file systems."""
    engine = SparkEngine.start()
    try:
        files, notes = find_spark_files(engine.session, paths)
        try:
            lines, more = _lines(engine, files, form)
            engine.define("lines", lines, keep=True)
            log = _account(engine, files, [*notes, *more], line_filter or LineFilter(), form)
        except FAILURES as error:
            names = names_of([file.name for file in files])
            raise InputError(f"{names} cannot be read: {reason_of(error)}") from error
        yield log
    finally:
        engine.close()


def _lines(
    engine: SparkEngine, files: Sequence[SparkFile], form: LineForm
) -> tuple[DataFrame, list[str]]:
    """The table `lines`, and notes on Parquet files."""
    schema = SCHEMAS[form.face]
    parquet = [file.name for file in files if file.kind == "parquet"]
    if parquet and form is not MUSIC:
        raise InputError(f"{parquet[0]}: the log of a {form.face} is read from JSON Lines")
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
        frames.append(map_in_arrow(text, read_text(numbers, form), schema))
    for kind in PACKED.values():
        if packed := [file.pattern for file in files if file.kind == kind]:
            # Whole files: they have no parts, and the rest of a damaged one must be counted.
            whole = _read(engine).format("binaryFile").load(packed).selectExpr("content", path)
            frames.append(map_in_arrow(whole, read_packed(numbers, kind, form), schema))
    notes: list[str] = []
    for columns, group in _parquet(engine, files, notes):
        row = "_metadata.row_index AS row"
        rows = _read(engine).parquet(*group).selectExpr(*columns, path, row)
        frames.append(map_in_arrow(rows, read_rows(numbers), schema))
    if not frames:
        frames.append(engine.session.createDataFrame([], schema))
    first, *others = frames
    for frame in others:
        first = first.unionAll(frame)
    return first, notes


def _read(engine: SparkEngine) -> DataFrameReader:
    # Else directories named dt=2024-02-29 would be read as a column, and all have to have it.
    return engine.session.read.option("recursiveFileLookup", "true")


def _parquet(
    engine: SparkEngine, files: Sequence[SparkFile], notes: list[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Columns and files, for each of the schemas that there are."""
    found = []
    with duckdb.connect() as connection:
        connection.execute((HERE / "events.sql").read_text())
        for file in files:
            if file.kind != "parquet":
                continue
            frame = _read(engine).parquet(file.pattern)
            nanos = _has_nanos(engine, file)
            columns = [_column(field, nanos) for field in frame.schema if field.name in FIELDS]
            schema = to_arrow_schema(frame.selectExpr(*columns).schema, timezone="UTC")
            connection.register("part", schema.empty_table())
            try:
                check_columns(connection, "part", file.name)
            except InputError:
                if frame.isEmpty():
                    continue
                raise
            if "user" in frame.columns and frame.schema["user"].dataType == StringType():
                padded = frame.where("user RLIKE '^0[0-9]+$'").count()
                notes += note_on_padded(file.name, padded)
            found.append((f"{frame.schema.simpleString()} {nanos}", columns, file.pattern))
    found.sort(key=lambda one: one[0])
    for _, group in itertools.groupby(found, key=lambda one: one[0]):
        of = list(group)
        yield of[0][1], [pattern for *_, pattern in of]


def _has_nanos(engine: SparkEngine, file: SparkFile) -> bool:
    """Whether timestamps are in ns by their type, which Spark has not: it sees integers."""
    hadoop: Any = engine.session._jvm
    context: Any = engine.session.sparkContext
    path = hadoop.org.apache.hadoop.fs.Path(hadoop.java.net.URI(file.key))
    reader = hadoop.org.apache.parquet.hadoop.ParquetFileReader
    footer = reader.readFooter(context._jsc.hadoopConfiguration(), path)
    schema = footer.getFileMetaData().getSchema().toString()
    return re.search(r"\btimestamp \(TIMESTAMP\(NANOS", schema) is not None


def _column(field: StructField, nanos: bool) -> str:
    # Spark's type for unsigned integers of 64 bits. A user may have such an id, these may not.
    if field.dataType == DecimalType(20, 0) and field.name in ("timestamp", "track"):
        return f"TRY_CAST({field.name} AS BIGINT) AS {field.name}"
    if nanos and field.name == "timestamp":
        return "TIMESTAMP_MICROS(timestamp DIV 1000) AS timestamp"
    return f"`{field.name}`"


def _account(
    engine: SparkEngine,
    files: Sequence[SparkFile],
    notes: Sequence[str],
    line_filter: LineFilter,
    form: LineForm,
) -> EventLog:
    faults = dict(
        engine.rows("SELECT fault, COUNT(*) FROM lines WHERE fault IS NOT NULL GROUP BY fault")
    )
    ((lines,),) = engine.rows("SELECT COUNT(held) FROM lines")
    named = _bad(engine, files) if faults else []
    if faults:
        _refuse_others(engine, files)
    skipped = Skipped(lines, sum(faults.values()), tuple(named), faults)
    log = checked_log(engine, [file.name for file in files], skipped, notes)

    def place(n: int) -> str:
        ((file, block, row),) = engine.rows(
            "SELECT file, block, row FROM lines WHERE n = $n", {"n": n}
        )
        return f"{files[file].name}:{_before(engine)[file, block] + row + 1}"

    timestamp, unit, more = timestamps_of(engine.rows(SIZES.format(order="n")), place)
    columns = form.columns.format(timestamp=timestamp)
    events = engine.session.sql(
        f"SELECT n, {columns} FROM lines"
        f" WHERE held AND fault IS NULL AND {form.where} AND {line_filter.condition(timestamp)}"
    )
    engine.define(form.view, events, keep=False)
    if form.after is not None:
        engine.run((HERE / form.after).read_text())
    return replace(log, unit=unit, notes=(*log.notes, *more), face=form.face)


def _refuse_others(engine: SparkEngine, files: Sequence[SparkFile]) -> None:
    """Raises InputError for a file that begins with no event and is no log at all."""
    rows = engine.rows(
        "SELECT file FROM lines WHERE held GROUP BY file HAVING MIN_BY(fault, n) IS NOT NULL"
        " ORDER BY file"
    )
    for (index,) in rows:
        file = files[index]
        if problem := problem_of(read_head(engine.session, file), file.kind):
            raise InputError(f"{file.name}: {problem}")


def _before(engine: SparkEngine) -> dict[tuple[int, int], int]:
    """Number of lines before each part of a file; offsets of parts are in bytes."""
    parts = engine.rows("SELECT file, block, COUNT(*) FROM lines GROUP BY file, block")
    before: dict[tuple[int, int], int] = {}
    for _, group in itertools.groupby(sorted(parts), key=lambda part: part[0]):
        count = 0
        for file, block, lines in group:
            before[file, block] = count
            count += lines
    return before


def _bad(engine: SparkEngine, files: Sequence[SparkFile]) -> list[BadLine]:
    before = _before(engine)
    rows = engine.rows(
        "SELECT file, block, row, reason FROM lines WHERE fault IS NOT NULL"
        " ORDER BY n LIMIT $most",
        {"most": MAX_NAMED},
    )
    return [
        BadLine(files[file].name, before[file, block] + row + 1, reason)
        for file, block, row, reason in rows
    ]
