"""Turns lines into rows in Spark's tasks: a DuckDB in the process of the task.

What an event is, and what of it is kept, is decided by the very queries that read whole files on
one machine. Spark need not be imported here.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contract.jsonlines import BLANK, BOM
from offline.logs.bad_lines import DAMAGE, LONGEST_LINE, too_long
from offline.logs.forms import LineForm
from offline.logs.json_lines import explain_json, load_json, make_lines
from offline.logs.parquet import explain_relation, load_relation

Batches = Iterator[pa.RecordBatch]
Ints = NDArray[np.int64]

_FILE_BITS = 40
"""Files up to a terabyte."""
_PLACES = {
    "fault": "STRING",  # as in events.sql
    "held": "BOOLEAN",  # NULL: a blank line
    **{"n": "BIGINT", "file": "INT"},
    **{"block": "BIGINT", "row": "BIGINT"},  # place in the file: its part, the line of that part
    "reason": "STRING",  # its fault
}
_MUSIC_TYPES = {
    **{"message": "STRING", "timestamp": "BIGINT", "unit": "TINYINT", "user_id": "STRING"},
    "track": "BIGINT",
    **{"time": "DOUBLE", "latency": "DOUBLE", "experiments": "STRING", "session": "STRING"},
    **{"recommendation": "BIGINT", "recommender": "STRING", "propensity": "DOUBLE"},
    **{"run": "STRING", "world_version": "STRING", "model_version": "STRING"},
    **_PLACES,
}
_SHOP_TYPES = {
    **{"message": "STRING", "timestamp": "BIGINT", "unit": "TINYINT", "user_id": "STRING"},
    **{"item": "STRING", "event": "STRING", "id": "STRING"},
    **{"price": "DOUBLE", "quantity": "DOUBLE", "value": "DOUBLE", "latency": "DOUBLE"},
    **{"experiments": "STRING", "session": "STRING", "request": "STRING"},
    **{"k": "BIGINT", "shown_items": "BIGINT"},
    **{"recommender": "STRING", "run": "STRING", "model_version": "STRING"},
    **_PLACES,
}
_TYPES = {"music": _MUSIC_TYPES, "shop": _SHOP_TYPES}
SCHEMAS = {
    face: ", ".join(f"{name} {kind}" for name, kind in types.items())
    for face, types in _TYPES.items()
}
_ARROW = {
    **{"STRING": pa.string(), "BIGINT": pa.int64(), "INT": pa.int32(), "TINYINT": pa.int8()},
    **{"DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()},
}


class LineReader:
    """A DuckDB that turns batches into rows of `lines`, by `SCHEMAS`.

    Where the lines of a batch stand comes with it, in arrays of its length: the number of the
    file, the byte at which its part begins, and the line of the part, from 0.
    """

    def __init__(self, form: LineForm) -> None:
        self._form = form

    def __enter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="botify-lines-")
        self._part = Path(self._scratch.name) / "part.json"
        self._duckdb = duckdb.connect()
        # Spark has a task per core.
        self._duckdb.execute("SET threads = 1")
        make_lines(self._duckdb, self._form)
        return self

    def __exit__(self, *_: object) -> None:
        self._duckdb.close()
        self._scratch.cleanup()

    def json(self, values: list[bytes] | pa.Array, file: Ints, block: Ints, row: Ints) -> Batches:
        """Rows of JSON lines; all NULL for a blank line."""
        lines: pa.Array = pa.array(values, pa.binary()) if isinstance(values, list) else values
        holds = pc.match_substring_regex(lines, f"[^{BLANK.decode()}]")
        held, odd = _plain(lines.filter(holds).to_pylist())
        if held:
            self._part.write_bytes(b"".join(line + b"\n" for line in held))
            load_json(self._duckdb, [self._part], "plain", 0, self._form)
        found = self._take()
        assert len(found) == len(held)
        bad = np.flatnonzero(found["fault"].is_valid().to_numpy()).tolist()
        lines_of_bad = [held[index] for index in bad]
        texts = explain_json(self._duckdb, lines_of_bad, self._part, self._form)
        reasons = {index: odd.get(index, text) for index, text in zip(bad, texts, strict=True)}
        found = found.append_column("reason", _texts(reasons, len(found)))
        if len(held) < len(lines):
            mask = holds.to_numpy(zero_copy_only=False)
            found = found.take(pa.array(np.cumsum(mask) - 1, mask=~mask))
        return _placed(found, file, block, row, self._form)

    def parquet(self, batch: pa.RecordBatch, file: Ints, row: Ints) -> Batches:
        """Rows of Parquet logs; their parts count as one file."""
        # A batch may have rows of several files: here they have numbers of their own.
        part = pa.Table.from_batches([batch])
        part = part.append_column("file_row_number", pa.array(np.arange(len(batch))))
        self._duckdb.register("part", part)
        load_relation(self._duckdb, "part", None, "part", 0)
        found = self._take()
        bad = np.flatnonzero(found["fault"].is_valid().to_numpy()).tolist()
        reasons = dict(explain_relation(self._duckdb, "part", {}, bad, "part")) if bad else {}
        self._duckdb.unregister("part")
        found = found.append_column("reason", _texts(reasons, len(found)))
        return _placed(found, file, np.zeros_like(row), row, self._form)

    def _take(self) -> pa.Table:
        found = self._duckdb.sql(
            "SELECT *, TRUE AS held FROM lines ORDER BY rowid"
        ).to_arrow_table()
        self._duckdb.execute("DELETE FROM lines")
        return found


def damage_row(file: int, row: int, reason: str, form: LineForm) -> Batches:
    """A bad line after the last whole one, `row`, of a gzip."""
    types = _TYPES[form.face]
    fields = dict.fromkeys(types) | {"held": True, "fault": DAMAGE, "reason": reason}
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in types.items()])
    found = pa.Table.from_pylist([fields], schema)
    return _placed(found, np.array([file]), np.array([0]), np.array([row]), form)


def _plain(lines: list[bytes]) -> tuple[list[bytes], dict[int, str]]:
    """Lines without byte order marks, and without those that are too long, with the reasons."""
    odd: dict[int, str] = {}
    found = []
    for index, line in enumerate(lines):
        if len(line) >= LONGEST_LINE:
            odd[index] = too_long(len(line))
            line = b'""'
        found.append(line.removeprefix(BOM))
    return found, odd


def _texts(of: Mapping[int, str], count: int) -> pa.Array:
    return pa.array([of.get(index) for index in range(count)], pa.string())


def _placed(found: pa.Table, file: Ints, block: Ints, row: Ints, form: LineForm) -> Batches:
    # Each part but a file's first leaves the line that begins with it to the part before.
    n = (file << _FILE_BITS) + block + (block > 0) + row
    places = {"n": n, "file": file.astype(np.int32), "block": block, "row": row}
    columns = {name: found[name] for name in found.column_names}
    columns |= {name: pa.array(values) for name, values in places.items()}
    columns["unit"] = columns["unit"].cast(pa.int8())
    table = pa.table({name: columns[name] for name in _TYPES[form.face]})
    return iter(table.combine_chunks().to_batches())
