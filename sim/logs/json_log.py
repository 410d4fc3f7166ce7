"""What played sessions leave: the event log of the protocol, here as JSON Lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.agent import Ints
from sim.engine.events import Events
from sim.errors import InputError
from sim.logs.clock import Clock
from sim.logs.origin import Origin

JSON, PARQUET = "data.json", "data.parquet"
PARTIAL = ".data.parquet.partial"
"""A Parquet log that is being written: hidden, and by its name no log to any reader."""

_NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        "message": _NAME,
        "timestamp": pa.int64(),
        "user": pa.int64(),
        "track": pa.int64(),
        "time": pa.float64(),
        "latency": pa.float64(),
        "recommendation": pa.int64(),
        "experiments": _NAME,
        "session": _NAME,
        "recommender": _NAME,
        "rank": pa.int64(),
        "propensity": pa.float64(),
    }
)
"""Fields of an event in the order of a line; `experiments` is the text of a JSON object."""

_ORIGIN = tuple(pa.field(name, _NAME) for name in Origin._fields)

# Lines built at a time: their pieces stay in the processor's cache.
_LINES = 1 << 15


class Log(Protocol):
    """Where the events of a run go. Use as a context manager."""

    def write(self, events: Events) -> None:
        """Append events: whole sessions in episode order. Raises InputError where disk fails."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def claim(directory: Path, day: int | None) -> None:
    """Make the directory of a new log. Raises InputError where it holds a log, or cannot be.

    A log may have a file per day, from 1; the files of its earlier days may be there.
    """
    if day is not None and day > 1:
        return
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        patterns = (f"{JSON}*", "data*.parquet", PARTIAL)
        for path in (path for pattern in patterns for path in sorted(directory.glob(pattern))):
            raise InputError(f"{path} is there already: remove it or name another directory")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk refuses while `path` is written becomes an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def schema_of(origin: Origin | None) -> pa.Schema:
    """`SCHEMA`, and the fields of the origin where the log has one."""
    return SCHEMA if origin is None else pa.schema([*SCHEMA, *_ORIGIN])


def as_rows(
    events: Events, stamps: Ints, sources: Sequence[str], origin: Origin | None = None
) -> pa.RecordBatch:
    """The events as rows of `schema_of(origin)`; `stamps` are their times, ms since the epoch.

    No experiment runs in process and nothing is served, so `experiments` is
    empty and `latency` 0. As the service does, a `last` line has nothing of an
    answer: no recommendation, recommender, rank or propensity.
    """
    n = len(stamps)
    first = np.zeros(n, dtype=np.int32)
    starts = np.diff(events.episodes, prepend=-1) != 0
    sessions = pa.array(events.episodes[starts]).cast(pa.string())
    last = events.is_last
    columns = [
        _named(last.astype(np.int32), ["next", "last"]),
        pa.array(stamps),
        pa.array(events.users),
        pa.array(events.tracks),
        pa.array(events.times),
        pa.array(np.zeros(n)),
        pa.array(events.recommendations, mask=last),
        _named(first, ["{}"]),
        _named(np.cumsum(starts, dtype=np.int32) - 1, sessions),
        _named(events.sources.astype(np.int32), list(sources)),
        pa.array(events.ranks, mask=events.ranks < 0),
        pa.array(events.propensities, mask=np.isnan(events.propensities)),
        *(_named(first, [text]) for text in origin or ()),
    ]
    return pa.record_batch(columns, schema=schema_of(origin))


def _named(indices: NDArray[np.int32], names: "list[str] | pa.Array") -> pa.DictionaryArray:
    """`names[index]` of each index, null where it is negative."""
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, mask=indices < 0), pa.array(names, pa.string())
    )


class JsonLog:
    """`data.json` in a directory: one line per event, whole lines at any time.

    With a day (from 1) it is that day's file of a log with one for each.
    `sources` are the agent's. Raises InputError where the directory holds a log
    already or cannot be written.
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
                some = slice(low, low + _LINES)
                part = Events._make(column[some] for column in events)
                rows = as_rows(part, stamps[some], self._sources, self._origin)
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
    # Column by column: a line at a time takes three times as long.
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
    # An array of texts is one text and where each begins.
    return memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]


def _texts(column: pa.Array, is_json: bool) -> "pa.Array | str":
    """The JSON of each value, null stays null; or of the one value that all rows have."""
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
