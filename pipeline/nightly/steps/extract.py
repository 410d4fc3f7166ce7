"""extract: the events until the end of the night's day, from where they are."""

import os
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow.dataset as datasets
from pyarrow import fs

from pipeline.nightly import commands
from pipeline.nightly.config import Source
from pipeline.nightly.directory import Night, Result, StopNightError, fingerprint_of
from pipeline.nightly.logs import complete, log_files

OUT = "events.parquet"
_COLUMNS = ("user", "item", "event", "timestamp")
_LOG = (
    "SELECT {columns} FROM read_json({files}, format = 'newline_delimited', columns = "
    "{{message: 'VARCHAR', \"user\": 'VARCHAR', item: 'VARCHAR', event: 'VARCHAR', "
    "timestamp: 'BIGINT', id: 'VARCHAR'}}) WHERE message = 'event' AND event <> 'impression' "
    # Without Redis the service accepts an id twice, and leaves it to readers.
    "QUALIFY id IS NULL OR row_number() OVER (PARTITION BY id ORDER BY timestamp) = 1"
)


def inputs(source: Source) -> dict[str, str]:
    """What tells that the source has changed. A table is read once a night."""
    if source.kind == "sql" or source.place.startswith("s3://"):
        return {"source": fingerprint_of([source.kind, source.table, _without_password(source)])}
    files = _files(source)
    return {
        str(file): fingerprint_of([file.stat().st_size, file.stat().st_mtime_ns]) for file in files
    }


def work(source: Source, night: Night, out: Path) -> Result:
    """Write events.parquet: user, item, event, timestamp; sorted by user and time.

    An event of a later day is left out, unless its time is still to come: that is a fault of the
    data, which the checks of the next step tell.
    """
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".extract-read-") as directory:
        database = duckdb.connect()
        database.execute(f"SET temp_directory = '{directory}'")
        try:
            question, unfinished = _question(source, Path(directory), database)
            database.execute(
                f'COPY (SELECT CAST("user" AS VARCHAR) "user", CAST(item AS VARCHAR) item, '
                f"CAST(event AS VARCHAR) event, TRY_CAST(timestamp AS BIGINT) timestamp "
                f"FROM ({question}) WHERE TRY_CAST(timestamp AS BIGINT) IS NULL OR "
                f"TRY_CAST(timestamp AS BIGINT) NOT BETWEEN {night.end} AND {_future()} "
                f"ORDER BY ALL) TO '{out / OUT}'"
            )
        except duckdb.Error as error:
            told = str(error).splitlines()[0]
            raise StopNightError(f"events cannot be read from {source.kind}: {told}") from None
        rows, newest = duckdb.execute(
            f"SELECT count(*), max(timestamp) FROM read_parquet('{out / OUT}')"
        ).fetchall()[0]
    if not rows:
        raise StopNightError(f"{_without_password(source)} has no events before {night.day}'s end")
    return Result({"events": rows, "newest_ms": newest or 0, "unfinished_lines": unfinished})


def _future() -> int:
    """A day from now, in ms since the epoch."""
    return int((time.time() + 86_400) * 1000)


def _question(
    source: Source, scratch: Path, database: duckdb.DuckDBPyConnection
) -> tuple[str, int]:
    """The rows as SQL, and the number of log lines that were not yet complete."""
    if source.kind == "sql":
        history = scratch / "events"
        table = ["--table", source.table] if source.table else []
        commands.run(
            "botify-offline",
            *("import", source.place, "--out", scratch / "data"),
            *("--events", history, *table),
        )
        return _of_log(sorted(history.glob("data.json*"))), 0
    if source.place.startswith("s3://"):
        columns = _bucket(source)
        database.register("bucket", columns.to_table(columns=list(_COLUMNS)))
        return "SELECT * FROM bucket", 0
    files = _files(source)
    if not files:
        raise StopNightError(f"{source.place}: no events are there")
    if source.kind == "log":
        whole = [complete(file, scratch / f"{n}-{file.name}") for n, file in enumerate(files)]
        return _of_log(whole), sum(file not in files for file in whole)
    names = ", ".join(f"'{file}'" for file in files)
    columns = ", ".join(f'"{column}"' for column in _COLUMNS)
    read = f"read_parquet([{names}]"
    if source.kind == "csv":
        read = f"read_csv([{names}], all_varchar = true"
    return f"SELECT {columns} FROM {read}, union_by_name = true)", 0


def _of_log(files: list[Path]) -> str:
    names = ", ".join(f"'{file}'" for file in files)
    columns = ", ".join(f'"{column}"' for column in _COLUMNS)
    return _LOG.format(columns=columns, files=f"[{names}]")


def _files(source: Source) -> list[Path]:
    place = Path(source.place)
    if source.kind == "log" and place.is_dir():
        return log_files(place)
    pattern = f"*.{source.kind}"
    if place.is_dir():
        return sorted(place.glob(pattern))
    return sorted(place.parent.glob(place.name))


def _bucket(source: Source) -> datasets.Dataset:
    options = {}
    if source.endpoint:
        scheme, _, host = source.endpoint.rpartition("://")
        options = {"endpoint_override": host, "scheme": scheme or "https"}
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    try:
        place = source.place.removeprefix("s3://")
        return datasets.dataset(
            place, filesystem=fs.S3FileSystem(region=region, **options), format=source.kind
        )
    except (OSError, ValueError) as error:
        raise StopNightError(f"{source.place} cannot be read: {error}") from None


def _without_password(source: Source) -> str:
    scheme, divider, rest = source.place.partition("://")
    return scheme + divider + rest.rpartition("@")[2]
