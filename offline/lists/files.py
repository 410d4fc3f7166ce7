"""Lines of the files that the service serves: of the music protocol, or with the owner's ids.

The forms are those of `contract.lists` and of `contract.item_lists`.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from contract.files import POPULAR, TOP_TRACKS
from offline.data.ids import Ids

Numbers = NDArray[np.int64]
Scores = NDArray[np.float32]
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class ListFiles(ABC):
    """How lists of item numbers, padded with -1, are written."""

    items = "items"
    """What items are called."""
    popular: str
    """Name of the file of popular items."""
    for_everyone: bool
    """Whether users whom no list can be made for get a list of popular items."""

    @abstractmethod
    def of_user(self, user: Any, items: Numbers, scores: Scores) -> str:
        """A line of recommendations.json."""

    @abstractmethod
    def of_item(self, item: int, items: Numbers, scores: Scores) -> str:
        """A line of neighbours.json."""

    @abstractmethod
    def of_everyone(self, items: Numbers, users: NDArray[Any]) -> str:
        """The popular items, most users first."""


class MusicFiles(ListFiles):
    """The music protocol's: ids are numbers, and lists have no scores."""

    items = "tracks"
    popular = TOP_TRACKS
    for_everyone = True

    def of_user(self, user: Any, items: Numbers, scores: Scores) -> str:
        """`{"user": int, "tracks": [...]}`."""
        return _line({"user": user, "tracks": items[items >= 0].tolist()})

    def of_item(self, item: int, items: Numbers, scores: Scores) -> str:
        """`{"track": int, "recommendations": [...]}`."""
        return _line({"track": item, "recommendations": items[items >= 0].tolist()})

    def of_everyone(self, items: Numbers, users: NDArray[Any]) -> str:
        """A list of ids."""
        return f"{json.dumps(items.tolist())}\n"


class OwnerFiles(ListFiles):
    """With the owner's ids, and scores where lists are in their order."""

    popular = POPULAR
    for_everyone = False  # the service answers popular items, and says that they are

    def __init__(self, ids: Ids) -> None:
        """`ids`: of the items, by number."""
        self._ids = ids.values

    def of_user(self, user: Any, items: Numbers, scores: Scores) -> str:
        """`{"user": id, "items": [...], "scores": [...]}`."""
        return _line({"user": user, **self._list(items, scores)})

    def of_item(self, item: int, items: Numbers, scores: Scores) -> str:
        """`{"item": id, "items": [...], "scores": [...]}`."""
        (owner,) = self._ids[[item]].tolist()
        return _line({"item": owner, **self._list(items, scores)})

    def of_everyone(self, items: Numbers, users: NDArray[Any]) -> str:
        """`{"items": [...], "scores": [...]}`: the scores are numbers of users."""
        return _line(self._list(items, users.astype(np.float32)))

    def _list(self, items: Numbers, scores: Scores) -> dict[str, Any]:
        there = items >= 0
        found: dict[str, Any] = {"items": self._ids[items[there]].tolist()}
        values = scores[there]
        if np.isfinite(values).all():
            found["scores"] = [float(f"{value:.6g}") for value in values.tolist()]
        return found


def item_lines(table: pa.Table) -> Iterable[str]:
    """Lines of items.json, from the items of interactions: id, title and the other fields."""
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            fields = {name: _field(name, value) for name, value in row.items() if name != "id"}
            yield _line({"item": row["id"], **fields})


def _field(name: str, value: Any) -> Any:
    """A value as the service counts with it: fields of an import are text."""
    if isinstance(value, str):
        if name in ("available", "hidden"):
            return _TRUTHS.get(value.strip().lower(), value)
        if name == "price":
            with suppress(ValueError):
                return _plain(float(value))
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value that JSON has; other types as text, and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _line(fields: Mapping[str, Any]) -> str:
    return f"{json.dumps(fields)}\n"
