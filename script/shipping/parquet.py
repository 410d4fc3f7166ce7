"""Lines of a part as Parquet files, one for each day: `dt=YYYY-MM-DD/data-PART.parquet`.

The columns are the fields of the event log, `experiments` as JSON text. A line becomes a row only
if all of it fits: lines with another field or a value of another type, and lines that are not JSON
objects, are kept as lines in a file `data.json.PART` beside the days. So no information is lost.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contract.events import EVENT, LOG_NAME, REQUIRED

_BATCH = 100_000
_TYPES: dict[str, tuple[pa.DataType, tuple[type, ...]]] = {
    "text": (pa.string(), (str,)),
    "integer": (pa.int64(), (int,)),
    "number": (pa.float64(), (int, float)),
    "object": (pa.string(), (dict,)),
}
_COLUMNS = {field.name: _TYPES[field.kind] for field in EVENT}
_REQUIRED = tuple(name for name in REQUIRED if name != "latency")
"""Without one of them a line stays a line; the latency of a `last` may be missing."""
_SCHEMA = pa.schema([(name, kind) for name, (kind, _) in _COLUMNS.items()])
_JSON = tuple(field.name for field in EVENT if field.kind == "object")
_INT64 = range(-(2**63), 2**63)
_DAYS = range(0, 253_402_300_800_000)
"""Timestamps up to the year 9999, which have a date."""


def write_parquet(chunks: Iterable[bytes], directory: Path, part: str) -> list[str]:
    """Write the lines below `directory`; the names of the files made, relative to it."""
    writers: dict[str, pq.ParquetWriter] = {}
    rest_name = f"{LOG_NAME}.{part}"
    has_rest = False
    with (directory / rest_name).open("wb") as rest:
        try:
            for batch in _batches(chunks):
                days: dict[str, list[dict[str, Any]]] = {}
                for line in batch:
                    row = _row(line)
                    if row is None:
                        rest.write(line)
                        has_rest = True
                    else:
                        seconds = row["timestamp"] / 1000
                        day = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
                        days.setdefault(day, []).append(row)
                for day, rows in days.items():
                    name = f"dt={day}/data-{part}.parquet"
                    if name not in writers:
                        (directory / name).parent.mkdir(exist_ok=True)
                        writers[name] = pq.ParquetWriter(
                            directory / name, _SCHEMA, compression="zstd"
                        )
                    writers[name].write_table(pa.Table.from_pylist(rows, _SCHEMA))
        finally:
            for writer in writers.values():
                writer.close()
    return [*sorted(writers), *([rest_name] if has_rest else [])]


def _batches(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    unfinished = b""
    for chunk in chunks:
        whole = (unfinished + chunk).splitlines(keepends=True)
        unfinished = b"" if not whole or whole[-1].endswith(b"\n") else whole.pop()
        lines += whole
        if len(lines) >= _BATCH:
            yield lines
            lines = []
    if unfinished:
        lines.append(unfinished)
    if lines:
        yield lines


def _row(line: bytes) -> dict[str, Any] | None:
    """The values of a line's columns; None if the columns cannot hold all of the line."""
    try:
        event = json.loads(line)
        if b"\\u" in line:
            json.dumps(event, ensure_ascii=False).encode()  # an unpaired surrogate is not text
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not all(name in event for name in _REQUIRED):
        return None
    row: dict[str, Any] = {}
    for name, value in event.items():
        if name not in _COLUMNS:
            return None
        if value is None:
            if name in _REQUIRED:
                return None
            continue
        if type(value) not in _COLUMNS[name][1]:
            return None
        if type(value) is int and (value not in _INT64 or not _fits(value, name)):
            return None
        if name in _JSON:
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        row[name] = value
    return row if row["timestamp"] in _DAYS else None


def _fits(value: int, name: str) -> bool:
    """Whether the column represents the integer exactly; one of floats may not."""
    return _COLUMNS[name][1] == (int,) or int(float(value)) == value
