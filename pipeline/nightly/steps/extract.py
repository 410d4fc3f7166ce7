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
from pipeline.nightly.faces import FACES, Face
from pipeline.nightly.logs import complete, log_files

OUT = "events.parquet"
_COLUMNS = ("user", "item", "event", "timestamp")
_LOG_TYPES = (
    "{{message: 'VARCHAR', \"user\": 'VARCHAR', {item}: 'VARCHAR', event: 'VARCHAR', "
    "timestamp: 'BIGINT', id: 'VARCHAR', time: 'DOUBLE'}}"
)
# Without Redis the service accepts an id twice, and leaves it to readers.
_ONCE = "QUALIFY id IS NULL OR row_number() OVER (PARTITION BY id ORDER BY timestamp) = 1"
_IMPORTED = (
    "SELECT u.id AS \"user\", i.id AS item, 'rating' AS event, e.timestamp, e.value FROM "
    "read_parquet('{data}/interactions.parquet') e "
    "JOIN (SELECT id, file_row_number n FROM read_parquet('{data}/users.parquet', "
    'file_row_number = true)) u ON e."user" = u.n '
    "JOIN (SELECT id, file_row_number n FROM read_parquet('{data}/items.parquet', "
    "file_row_number = true)) i ON e.item = i.n"
)
# Of a parquet or csv source too: what was shown is no act of the visitor.
_SHOWN = "event = 'impression'"


def inputs(source: Source) -> dict[str, str]:
    """What tells that the source has changed. A table is read once a night."""
    if source.kind == "sql" or source.place.startswith("s3://"):
        return {"source": fingerprint_of([source.kind, source.table, _without_password(source)])}
    files = _files(source)
    return {
        str(file): fingerprint_of([file.stat().st_size, file.stat().st_mtime_ns]) for file in files
    }


def work(source: Source, night: Night, out: Path) -> Result:
    """Write events.parquet: user, item, event, timestamp, value; sorted by user and time.

    An event of a later day is left out, unless its time is still to come: that is a fault of the
    data, which the checks of the next step tell. Impressions are left out, and counted.
    """
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".extract-read-") as directory:
        database = duckdb.connect()
        database.execute(f"SET temp_directory = '{directory}'")
        try:
            question, unfinished = _question(source, FACES[night.face], Path(directory), database)
            database.execute(
                'CREATE TEMP VIEW found AS SELECT CAST("user" AS VARCHAR) "user", '
                "CAST(item AS VARCHAR) item, CAST(event AS VARCHAR) event, "
                "TRY_CAST(timestamp AS BIGINT) timestamp, TRY_CAST(value AS DOUBLE) AS value "
                f"FROM ({question}) WHERE TRY_CAST(timestamp AS BIGINT) IS NULL OR "
                f"TRY_CAST(timestamp AS BIGINT) NOT BETWEEN {night.end} AND {_future()}"
            )
            database.execute(
                f"COPY (FROM found WHERE ({_SHOWN}) IS NOT TRUE ORDER BY ALL) TO '{out / OUT}'"
            )
            [(shown,)] = database.execute(f"SELECT count(*) FROM found WHERE {_SHOWN}").fetchall()
        except duckdb.Error as error:
            told = str(error).splitlines()[0]
            raise StopNightError(f"events cannot be read from {source.kind}: {told}") from None
        rows, newest = duckdb.execute(
            f"SELECT count(*), max(timestamp) FROM read_parquet('{out / OUT}')"
        ).fetchall()[0]
    if not rows:
        raise StopNightError(f"{_without_password(source)} has no events before {night.day}'s end")
    return Result(
        {
            "events": rows,
            "newest_ms": newest or 0,
            "unfinished_lines": unfinished,
            "impressions_left_out": shown,
        }
    )


def _future() -> int:
    """A day from now, in ms since the epoch."""
    return int((time.time() + 86_400) * 1000)


def _question(
    source: Source, face: Face, scratch: Path, database: duckdb.DuckDBPyConnection
) -> tuple[str, int]:
    """The rows as SQL, and the number of log lines that were not yet complete."""
    if source.kind == "sql":
        return _of_table(source, face, scratch), 0
    if source.place.startswith("s3://"):
        bucket = _bucket(source)
        database.register("bucket", bucket.to_table(columns=_wanted(bucket.schema.names, face)))
        return _of_rows("bucket", bucket.schema.names, face), 0
    files = _files(source)
    if not files:
        raise StopNightError(f"{source.place}: no events are there")
    if source.kind == "log":
        whole = [complete(file, scratch / f"{n}-{file.name}") for n, file in enumerate(files)]
        return _of_log(whole, face), sum(file not in files for file in whole)
    names = ", ".join(f"'{file}'" for file in files)
    read = f"read_parquet([{names}], union_by_name = true)"
    if source.kind == "csv":
        read = f"read_csv([{names}], all_varchar = true, union_by_name = true)"
    columns = [row[0] for row in database.execute(f"DESCRIBE FROM {read}").fetchall()]
    return _of_rows(read, columns, face), 0


def _of_table(source: Source, face: Face, scratch: Path) -> str:
    history, data = scratch / "events", scratch / "data"
    table = ["--table", source.table] if source.table else []
    events = [] if face.valued else ["--events", history]
    commands.run("botify-offline", "import", source.place, "--out", data, *events, *table)
    if face.valued:
        return _IMPORTED.format(data=data)
    return _of_log(sorted(history.glob("data.json*")), face)


def _of_log(files: list[Path], face: Face) -> str:
    names = ", ".join(f"'{file}'" for file in files)
    types = _LOG_TYPES.format(item=face.item)
    read = f"read_json([{names}], format = 'newline_delimited', columns = {types})"
    return f"{_log_rows(read, face)} {_ONCE}"


def _log_rows(read: str, face: Face) -> str:
    messages = ", ".join(f"'{message}'" for message in face.messages)
    event, value = ("message", "time") if face.valued else ("event", "NULL")
    return (
        f'SELECT "user", {face.item} AS item, {event} AS event, timestamp, {value} AS value '
        f"FROM {read} WHERE message IN ({messages})"
    )


def _wanted(columns: list[str], face: Face) -> list[str]:
    """Those to read of a bucket, in which reading is what takes time."""
    known = {*_COLUMNS, "value", "message", "time", "id", face.item}
    return [column for column in columns if column in known] or list(_COLUMNS)


def _of_rows(read: str, columns: list[str], face: Face) -> str:
    """Rows of events; or lines of an event log, where they have `message`, as Parquet of the data
    client does."""
    if "message" in columns and face.messages:
        return _log_rows(read, face) + (f" {_ONCE}" if "id" in columns else "")
    value = "value" if face.valued else "NULL AS value"
    event = "event"
    if face.targets == ("rating",) and "event" not in columns:
        event = "'rating' AS event"
    return f'SELECT "user", item, {event}, timestamp, {value} FROM {read}'


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
