"""The event log as Parquet: the fields of the JSON lines as columns, a twentieth of the size."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow.parquet as pq

from sim.arrays import Floats, Ints
from sim.engine.events import Events
from sim.logs.clock import Clock
from sim.logs.log import PARQUET, PARTIAL, claim, writing
from sim.logs.origin import Origin
from sim.logs.rows import as_rows, schema_of

# Rows of a row group; at most that many wait in memory.
ROWS = 1 << 19


class ParquetLog:
    """`data.parquet` in a directory; it appears when the run has ended without an error.

    With `day` (from 1) it is the file of that day. The bytes depend on the events
    alone, not on how they are split over calls. `sources` are the agent's. Raises
    InputError if the directory has a log already or cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        sources: Sequence[str],
        clock: Clock,
        day: int | None = None,
        rows: int = ROWS,
        origin: Origin | None = None,
    ) -> None:
        """`rows`: number of rows of a row group; only the last may have fewer."""
        claim(directory, day)
        self._path = directory / (PARQUET if day is None else f"data-day-{day:03}.parquet")
        self._partial = directory / PARTIAL
        self._sources, self._clock, self._rows, self._origin = sources, clock, rows, origin
        self._waiting: list[tuple[Ints | Floats, ...]] = []
        self._n_waiting = self._n_written = 0
        with writing(self._partial):
            self._file = self._partial.open("xb")
        schema = schema_of(origin)
        self._writer = pq.ParquetWriter(
            self._file,
            schema,
            compression="zstd",
            # Times only grow: their differences take a third of the space.
            column_encoding={"timestamp": "DELTA_BINARY_PACKED"},
            use_dictionary=[name for name in schema.names if name != "timestamp"],
            # Large enough for every distinct session and track of a row group.
            dictionary_pagesize_limit=16 << 20,
        )

    def write(self, events: Events) -> None:
        self._waiting.append((*events, self._clock.stamp(events)))
        self._n_waiting += len(events.episodes)
        if self._n_waiting >= self._rows:
            self._write_groups(self._n_waiting // self._rows)

    def _write_groups(self, n: int) -> None:
        """Write n row groups; the rest keeps waiting."""
        if not n:
            return
        columns = [np.concatenate(column) for column in zip(*self._waiting, strict=True)]
        with writing(self._path):
            for low in range(0, n * self._rows, self._rows):
                *fields, stamps = (column[low : low + self._rows] for column in columns)
                part = Events._make(fields)
                self._writer.write_batch(as_rows(part, stamps, self._sources, self._origin))
        self._n_written += n
        self._waiting = [tuple(column[n * self._rows :].copy() for column in columns)]
        self._n_waiting = len(self._waiting[0][0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._write_groups(-(-self._n_waiting // self._rows))
                with writing(self._path):
                    self._writer.close()
                    self._file.close()
                    if self._n_written:
                        self._partial.rename(self._path)
        finally:
            # After a failure; otherwise it is closed and renamed by now.
            with contextlib.suppress(OSError, ValueError):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._file.close()
            self._partial.unlink(missing_ok=True)
