"""The event log of the protocol, as JSON Lines."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sim.engine.events import Events
from sim.logs.clock import Clock
from sim.logs.log import JSON, claim, writing
from sim.logs.origin import Origin
from sim.logs.rows import as_rows

# Lines built at a time, few enough to stay in the processor's cache.
_LINES = 1 << 15


class JsonLog:
    """`data.json` in a directory: one line per event, never a part of a line.

    With `day` (from 1) it is the file of that day. `sources` are the agent's.
    Raises InputError if the directory has a log already or cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        sources: Sequence[str],
        clock: Clock,
        day: int | None = None,
        origin: Origin | None = None,
    ) -> None:
        claim(directory, day)
        self._path = directory / (JSON if day is None else f"{JSON}.day-{day:03}")
        self._sources, self._clock, self._origin = sources, clock, origin
        with writing(self._path):
            self._file = self._path.open("xb")

    def write(self, events: Events) -> None:
        stamps = self._clock.stamp(events)
        with writing(self._path):
            for low in range(0, len(stamps), _LINES):
                chunk = slice(low, low + _LINES)
                part = Events._make(column[chunk] for column in events)
                rows = as_rows(part, stamps[chunk], self._sources, self._origin)
                self._file.write(_lines(rows))
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with writing(self._path):
            empty = not self._file.tell()
            self._file.close()
            if empty:
                self._path.unlink()


def _lines(rows: pa.RecordBatch) -> memoryview:
    """The rows as JSON Lines."""
    # Column by column: line by line takes three times as long.
    pieces: list[Any] = []
    text = ""
    for i, name in enumerate(rows.schema.names):
        text += f'{"," if i else "{"}"{name}":'
        column = _texts(rows.column(i), is_json=name == "experiments")
        if isinstance(column, str):
            text += column
        else:
            pieces += [text, column]
            text = ""
    lines = pc.binary_join_element_wise(
        *pieces, text + "}\n", "", null_handling="replace", null_replacement="null"
    )
    # Arrow stores an array of strings as one buffer and the offsets in it.
    return memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]


def _texts(column: pa.Array, is_json: bool) -> "pa.Array | str":
    """The JSON of each value (null stays null), or of the one value that all rows have."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.string())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    texts = column.dictionary
    if not is_json:
        values = texts.to_pylist()
        texts = pa.array([orjson.dumps(value).decode() for value in values], pa.string())
    if len(texts) == 1 and not column.null_count:
        return str(texts[0])
    return texts.take(column.indices)
