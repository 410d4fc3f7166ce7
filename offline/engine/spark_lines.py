"""The tasks that read a log on Spark: raw lines in, rows of the table `lines` out.

Each task has a DuckDB of its own, to which it gives its lines batch by batch: what an event is,
and what of it is kept, is decided by the very queries that read whole files there. Spark need
not be imported here.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from offline.log_files import DamageError, Kind, unpacked
from offline.log_lines import BLANK, explain_line
from offline.log_parquet import explain_relation, load_relation
from offline.logs import FIELDS, HERE

Batches = Iterator[pa.RecordBatch]
Ints = NDArray[np.int64]

FILE_BITS = 40
"""Files up to a terabyte."""
_TYPES = {
    **{"message": "STRING", "timestamp": "BIGINT", "user_id": "STRING", "track": "BIGINT"},
    **{"time": "DOUBLE", "latency": "DOUBLE", "experiments": "STRING", "session": "STRING"},
    **{"recommendation": "BIGINT", "recommender": "STRING", "propensity": "DOUBLE"},
    "usable": "BOOLEAN",  # NULL: a line that holds nothing
    **{"n": "BIGINT", "file": "INT"},
    **{"block": "BIGINT", "row": "BIGINT"},  # place in the file: its part, the line of that part
    "reason": "STRING",  # why it is not usable
}
SCHEMA = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
_ARROW = {
    **{"STRING": pa.string(), "BIGINT": pa.int64(), "INT": pa.int32()},
    **{"DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()},
}
_AT_ONCE = 1 << 24
"""Bytes of unpacked lines that DuckDB gets at a time."""


def read_text(files: Mapping[str, int]) -> Callable[[Batches], Batches]:
    """A task over `value` (bytes), `path`, `block` (where the part of the file begins)."""

    def task(batches: Batches) -> Batches:
        last, count = (-1, -1), 0
        with _Reader() as reader:
            for batch in batches:
                if not len(batch):
                    continue
                file, block = _files(batch, files), batch["block"].to_numpy()
                # A part is read from its start, in order; its neighbour here may be any other.
                places = np.arange(len(batch))
                begins = np.ones(len(batch), bool)
                begins[1:] = (np.diff(file) != 0) | (np.diff(block) != 0)
                first = np.maximum.accumulate(np.where(begins, places, 0))
                row = places - first
                if (file[0], block[0]) == last:
                    row[first == 0] += count
                last, count = (file[-1], block[-1]), int(row[-1]) + 1
                yield from reader.json(batch["value"], file, block, row)

    return task


def read_packed(files: Mapping[str, int], kind: Kind) -> Callable[[Batches], Batches]:
    """A task over `content` (bytes of whole files), `path`."""

    def task(batches: Batches) -> Batches:
        with _Reader() as reader:
            for batch in batches:
                for file, content in zip(_files(batch, files), batch["content"], strict=True):
                    yield from _packed(reader, int(file), content.as_py(), kind)

    return task


def read_rows(files: Mapping[str, int]) -> Callable[[Batches], Batches]:
    """A task over `path`, `file_row_number` and columns of a Parquet log."""

    def task(batches: Batches) -> Batches:
        with _Reader() as reader:
            for batch in batches:
                row = batch["file_row_number"].to_numpy()
                yield from reader.parquet(batch, _files(batch, files), row)

    return task


def _files(batch: pa.RecordBatch, files: Mapping[str, int]) -> Ints:
    paths = batch["path"].dictionary_encode()
    numbers = np.array([files[path] for path in paths.dictionary.to_pylist()], np.int64)
    found: Ints = numbers[paths.indices.to_numpy()]
    return found


def _packed(reader: "_Reader", file: int, content: bytes, kind: Kind) -> Batches:
    done = 0
    try:
        for lines in _whole_lines(unpacked(io.BytesIO(content), kind)):
            row = np.arange(done, done + len(lines))
            yield from reader.json(lines, np.full(len(lines), file), np.zeros_like(row), row)
            done += len(lines)
    except DamageError as error:
        yield from _damage(file, done, str(error))


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Lines, some megabytes at a time. Of one that is damaged what is no whole line is lost."""
    text = b""
    try:
        for piece in pieces:
            text += piece
            if len(text) >= _AT_ONCE:
                whole, newline, text = text.rpartition(b"\n")
                if newline:
                    yield whole.split(b"\n")
    except DamageError:
        yield text.split(b"\n")[:-1]
        raise
    if text:
        yield text.removesuffix(b"\n").split(b"\n")


class _Reader:
    """A DuckDB that turns batches into rows of `lines`."""

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="botify-lines-")
        self._part = Path(self._scratch.name) / "part.json"
        self._duckdb = duckdb.connect()
        # Spark has a task per core.
        self._duckdb.execute("SET threads = 1")
        self._duckdb.execute((HERE / "events.sql").read_text())
        return self

    def __exit__(self, *_: object) -> None:
        self._duckdb.close()
        self._scratch.cleanup()

    def json(self, values: list[bytes] | pa.Array, file: Ints, block: Ints, row: Ints) -> Batches:
        """Rows of lines of JSON; one of NULLs for a line that holds nothing."""
        lines: pa.Array = pa.array(values, pa.binary()) if isinstance(values, list) else values
        holds = pc.match_substring_regex(lines, f"[^{BLANK}]")
        held = lines.filter(holds).to_pylist()
        if held:
            self._part.write_bytes(b"\n".join(held))
            parameters = {
                "files": [str(self._part)],
                "columns": dict.fromkeys(FIELDS, "JSON"),
                "compression": "none",
                "first_file": 0,
            }
            self._duckdb.execute((HERE / "events_json.sql").read_text(), parameters)
        found = self._take()
        assert len(found) == len(held)
        bad = np.flatnonzero(~found["usable"].to_numpy())
        reasons = {index: explain_line(held[index]) for index in bad.tolist()}
        found = found.append_column("reason", _texts(reasons, len(found)))
        if len(held) < len(lines):
            mask = holds.to_numpy(zero_copy_only=False)
            found = found.take(pa.array(np.cumsum(mask) - 1, mask=~mask))
        return _placed(found, file, block, row)

    def parquet(self, batch: pa.RecordBatch, file: Ints, row: Ints) -> Batches:
        """Rows of a Parquet log."""
        self._duckdb.register("part", pa.Table.from_batches([batch]))
        load_relation(self._duckdb, "part", None, "part", 0)
        found = self._take()
        bad = row[~found["usable"].to_numpy()].tolist()
        told = dict(explain_relation(self._duckdb, "part", {}, bad)) if bad else {}
        self._duckdb.unregister("part")
        places = {int(place): index for index, place in enumerate(row)}
        reasons = {places[place]: reason for place, reason in told.items()}
        found = found.append_column("reason", _texts(reasons, len(found)))
        return _placed(found, file, np.zeros_like(row), row)

    def _take(self) -> pa.Table:
        found = self._duckdb.sql("FROM lines ORDER BY rowid").to_arrow_table()
        self._duckdb.execute("DELETE FROM lines")
        return found


def _damage(file: int, row: int, reason: str) -> Batches:
    fields = dict.fromkeys(_TYPES) | {"usable": False, "reason": reason}
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in _TYPES.items()])
    found = pa.Table.from_pylist([fields], schema)
    return _placed(found, np.array([file]), np.array([0]), np.array([row]))


def _texts(of: Mapping[int, str], count: int) -> pa.Array:
    return pa.array([of.get(index) for index in range(count)], pa.string())


def _placed(found: pa.Table, file: Ints, block: Ints, row: Ints) -> Batches:
    # Each part but a file's first leaves the line that begins with it to the part before.
    n = (file << FILE_BITS) + block + (block > 0) + row
    places = {"n": n, "file": file.astype(np.int32), "block": block, "row": row}
    columns = {name: found[name] for name in found.column_names}
    columns |= {name: pa.array(values) for name, values in places.items()}
    table = pa.table({name: columns[name] for name in _TYPES})
    return iter(table.combine_chunks().to_batches())
