"""Events as rows of the protocol's event log: its fields, their types and their order."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sim.arrays import Ints
from sim.engine.events import Events
from sim.logs.origin import Origin

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
"""The fields of an event in the order of a line; `experiments` is a JSON object as text."""

_ORIGIN = tuple(pa.field(name, _NAME) for name in Origin._fields)


def schema_of(origin: Origin | None) -> pa.Schema:
    """`SCHEMA`, plus the fields of the origin if the log has one."""
    return SCHEMA if origin is None else pa.schema([*SCHEMA, *_ORIGIN])


def as_rows(
    events: Events, stamps: Ints, sources: Sequence[str], origin: Origin | None = None
) -> pa.RecordBatch:
    """The events as rows of `schema_of(origin)`; `stamps` are their times, ms since the epoch.

    In process there are no experiments and no requests, so `experiments` is empty
    and `latency` 0. As in the service's log, a `last` line has no recommendation,
    recommender, rank or propensity.
    """
    n = len(stamps)
    zeros = np.zeros(n, dtype=np.int32)
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
        _named(zeros, ["{}"]),
        _named(np.cumsum(starts, dtype=np.int32) - 1, sessions),
        _named(events.sources.astype(np.int32), list(sources)),
        pa.array(events.ranks, mask=events.ranks < 0),
        pa.array(events.propensities, mask=np.isnan(events.propensities)),
        *(_named(zeros, [text]) for text in origin or ()),
    ]
    return pa.record_batch(columns, schema=schema_of(origin))


def _named(indices: NDArray[np.int32], names: "list[str] | pa.Array") -> pa.DictionaryArray:
    """`names[index]` for each index, null for a negative one."""
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, mask=indices < 0), pa.array(names, pa.string())
    )
