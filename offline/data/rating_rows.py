"""The ratings of a directory of interactions, read a part at a time, for millions of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.interactions import INTERACTIONS
from offline.errors import InputError

RATING = "rating"
"""The kind that a rating has, where a source has other kinds besides."""
_ROWS = 2**20


class RatingRows(NamedTuple):
    """Ratings by user, then item: one for each pair, shape (n,) each."""

    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]
    timestamp: npt.NDArray[np.int64] | None
    """ms since the epoch; None unless every rating has a time."""


def read_ratings(directory: Path) -> RatingRows:
    """Every rating of a directory that `import` wrote, whatever its value.

    Where there are several kinds, those of the kind `rating`.

    Parameters
    ----------
    directory : Path

    Returns
    -------
    RatingRows

    Raises
    ------
    InputError
        Where the file is missing or damaged, and where kinds other than `rating` give a user and
        an item several values.
    """
    path = directory / INTERACTIONS
    try:
        file = pq.ParquetFile(path)
        n = file.metadata.num_rows
        found = RatingRows(
            np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.float32), _times(file)
        )
        n = _fill(found, file, _only_ratings(file))
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: damaged or missing ({reason}): import again") from error
    found = RatingRows(*(None if part is None else part[:n] for part in found))  # type: ignore[arg-type]
    same = (found.user[1:] == found.user[:-1]) & (found.item[1:] == found.item[:-1])
    if same.any():
        raise InputError(
            f"{directory}: a user has several kinds of interactions with one item, and none is "
            f"called {RATING!r}: a model of ratings needs one value for each pair; import ratings "
            "alone"
        )
    return found


def _times(file: pq.ParquetFile) -> npt.NDArray[np.int64] | None:
    for batch in file.iter_batches(_ROWS, columns=["timestamp"]):
        if batch.column(0).null_count:
            return None
    return np.empty(file.metadata.num_rows, np.int64)


def _only_ratings(file: pq.ParquetFile) -> bool:
    """Whether there are other kinds to leave out."""
    kinds: set[str] = set()
    for batch in file.iter_batches(_ROWS, columns=["kind"]):
        kinds |= set(pc.unique(batch.column(0).cast(pa.string())).to_pylist())
    return RATING in kinds and len(kinds) > 1


def _fill(found: RatingRows, file: pq.ParquetFile, only_ratings: bool) -> int:
    at = 0
    for batch in file.iter_batches(_ROWS, columns=["user", "item", "value", "timestamp", "kind"]):
        rows = batch
        if only_ratings:
            rows = batch.filter(pc.equal(batch.column("kind").cast(pa.string()), RATING))
        part = slice(at, at + len(rows))
        found.user[part] = rows.column("user").to_numpy()
        found.item[part] = rows.column("item").to_numpy()
        found.value[part] = rows.column("value").to_numpy()
        if found.timestamp is not None:
            found.timestamp[part] = rows.column("timestamp").to_numpy()
        at = part.stop
    return at
