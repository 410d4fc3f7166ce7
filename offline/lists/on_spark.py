"""Lists made on Spark: each task runs the local code on a part of the users."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from scipy import sparse

from offline.data.matrix import InteractionMatrix
from offline.data.session_stats import SessionStats
from offline.engine.spark import FAILURES, SparkEngine, map_in_arrow, reason_of
from offline.errors import InputError
from offline.lists.maker import ListMaker
from offline.models.top_n import TopN

Make = Callable[..., ListMaker]
"""From histories, and session stats where there are any; or from nothing."""
Ints = NDArray[np.int64]

_USERS_PER_TASK = 512
_SCHEMA = "place BIGINT, list ARRAY<BIGINT>, scores ARRAY<FLOAT>"


def on_spark(
    make: Make,
    histories: InteractionMatrix,
    length: int,
    stats: SessionStats | None = None,
    by_row: bool = False,
) -> ListMaker:
    """The same lists as `make(histories[, stats])`, of `length`, made by the tasks of Spark.

    What `make` holds (it must be one that pickle takes: a function of a module, or a `partial` of
    one) goes to each executor once; a user's tracks and starts go to the task that makes the
    list. With `by_row`, `make()` takes nothing and knows the users by their rows. Raises
    InputError where Spark cannot start, and `of` where its tasks fail.
    """
    engine = SparkEngine.start()
    # A batch is a partition, and so a task.
    setting = "spark.sql.execution.arrow.maxRecordsPerBatch"
    engine.session.conf.set(setting, str(_USERS_PER_TASK))
    facts = None if stats is None else _facts(stats)
    shared = engine.session.sparkContext.broadcast((make, facts, by_row))
    task = _task(shared, histories.n_tracks)

    def of(rows: Ints) -> TopN:
        ids = np.empty((len(rows), length), np.int64)
        scores = np.empty(ids.shape, np.float32)
        if not len(rows):
            return TopN(ids, scores)
        users = engine.session.createDataFrame(_users(histories, stats, rows))
        try:
            found = map_in_arrow(users, task, _SCHEMA).toArrow()
        except FAILURES as error:
            raise InputError(f"Spark could not make lists: {reason_of(error)}") from error
        places = found["place"].to_numpy()
        ids[places] = _values(found["list"].combine_chunks()).reshape(-1, length)
        scores[places] = _values(found["scores"].combine_chunks()).reshape(-1, length)
        return TopN(ids, scores)

    given = () if stats is None else (stats,)
    made = make() if by_row else make(histories, *given)
    return ListMaker(made.recipe, of)


def _users(histories: InteractionMatrix, stats: SessionStats | None, rows: Ints) -> pa.Table:
    liked = histories.take(rows)
    starts = sparse.csr_matrix(liked.shape) if stats is None else stats.starts[rows]
    return pa.table(
        {
            "place": np.arange(len(rows)),
            "row": rows,
            "liked": _lists(liked.indptr, liked.indices),
            "started": _lists(starts.indptr, starts.indices),
            "sessions": _lists(starts.indptr, starts.data),
        }
    )


def _task(
    shared: Any, n_tracks: int
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Spark has a task per core.
        torch.set_num_threads(1)
        make, facts, by_row = shared.value
        for batch in batches:
            bounds, liked = _bounds(batch["liked"]), _values(batch["liked"])
            starts = sparse.csr_matrix(
                (_values(batch["sessions"]), _values(batch["started"]), _bounds(batch["started"])),
                shape=(len(batch), n_tracks),
            )
            histories = InteractionMatrix(bounds, liked, n_tracks)
            given = () if facts is None else (SessionStats(starts, *facts),)
            if by_row:
                made = make().of(batch["row"].to_numpy())
            else:
                made = make(histories, *given).of(np.arange(len(batch)))
            ends = np.arange(0, made.ids.size + 1, made.ids.shape[1])
            columns = {"list": _lists(ends, made.ids.ravel())}
            scores = pa.array(made.scores.ravel())
            columns["scores"] = pa.ListArray.from_arrays(ends.astype(np.int32), scores)
            yield pa.RecordBatch.from_pydict({"place": batch["place"], **columns})

    return task


def _facts(stats: SessionStats) -> tuple[float, float, int]:
    return stats.patience, stats.artist_discount, stats.pairs


def _lists(bounds: NDArray[Any], values: NDArray[Any]) -> pa.ListArray:
    return pa.ListArray.from_arrays(bounds.astype(np.int32), values.astype(np.int64))


def _bounds(lists: pa.ListArray) -> Ints:
    sizes: Ints = lists.value_lengths().to_numpy().astype(np.int64)
    return np.concatenate([[0], np.cumsum(sizes)])


def _values(lists: pa.ListArray) -> NDArray[Any]:
    values: NDArray[Any] = lists.flatten().to_numpy()
    return values
