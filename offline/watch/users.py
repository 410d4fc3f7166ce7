"""The state of each user: sums, and the last line, which the next one follows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_NONE = -(2**63)
_MESSAGES = ("next", "last")
_RECOMMENDERS = (None, "another", "fallback")
"""Of the recommender only this is kept."""
_ROW = np.dtype(
    [
        ("treatment", np.int16),  # index; NEW and SEVERAL below
        ("message", np.int8),
        ("recommender", np.int8),
        ("timestamp", np.int64),
        ("time", np.float64),
        ("track", np.int64),
        ("recommendation", np.int64),
        ("session", np.uint64),  # a hash; 0: not in the log
    ]
)
NEW, SEVERAL = -2, -1
KNOWN = pa.schema(
    {
        "user_id": pa.string(),
        "number": pa.int64(),
        "several": pa.bool_(),
        "treatment": pa.string(),
        "message": pa.string(),
        "timestamp": pa.int64(),
        "time": pa.float64(),
        "track": pa.int64(),
        "recommendation": pa.int64(),
        "recommender": pa.string(),
        "session": pa.uint64(),
    }
)
"""Of the table `known_users`: see sql/experiment_events.sql."""


class Users:
    """The users of an experiment, by number; about 60 bytes each, and their names."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._rows = np.zeros(0, _ROW)
        self.treatments: list[str] = []

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def treatment(self) -> npt.NDArray[np.int16]:
        """Index into `treatments` of each user, or SEVERAL; shape (n,)."""
        found: npt.NDArray[np.int16] = self._rows["treatment"][: len(self)]
        return found

    def known(self, names: Sequence[str]) -> pa.Table:
        """The rows of `known_users` for these users; those not seen before are given numbers."""
        numbers = np.fromiter((self._number(name) for name in names), np.int64, len(names))
        self._grow()
        rows = self._rows[numbers]
        new = rows["treatment"] == NEW
        arms = rows["treatment"].astype(np.int32)
        columns = [
            pa.array(names, pa.string()),
            pa.array(numbers),
            pa.array(rows["treatment"] == SEVERAL),
            _texts(self.treatments, np.maximum(arms, 0), arms < 0),
            _texts(_MESSAGES, rows["message"], new),
            pa.array(rows["timestamp"], mask=new),
            pa.array(rows["time"], mask=new),
            pa.array(rows["track"], mask=new),
            pa.array(rows["recommendation"], mask=new | (rows["recommendation"] == _NONE)),
            _texts(_RECOMMENDERS, rows["recommender"], new),
            pa.array(rows["session"], mask=new | (rows["session"] == 0)),
        ]
        return pa.table(columns, KNOWN)

    def keep(self, last: pa.Table) -> None:
        """Keep the last line of each of these users: columns of last_lines.sql."""
        numbers = last["number"].to_numpy()
        rows = np.zeros(len(numbers), _ROW)
        rows["treatment"] = self.indices(last["treatment"])
        rows["message"] = [_MESSAGES.index(text) for text in last["message"].to_pylist()]
        rows["recommender"] = [
            0 if text is None else 2 if text == "fallback" else 1
            for text in last["recommender"].to_pylist()
        ]
        for name, empty in (("recommendation", _NONE), ("session", 0)):
            rows[name] = last[name].fill_null(empty).to_numpy()
        for name in ("timestamp", "time", "track"):
            rows[name] = last[name].to_numpy()
        self._rows[numbers] = rows

    def leave_out(self, numbers: Ints) -> int:
        """Mark users seen in several treatments; how many of them had lines that counted."""
        before = self._rows["treatment"][numbers]
        self._rows["treatment"][numbers] = SEVERAL
        return int(np.count_nonzero(before >= 0))

    def indices(self, names: pa.ChunkedArray) -> npt.NDArray[np.int16]:
        """Of treatments; new ones are added."""
        texts = names.to_pylist()
        for name in sorted(set(texts) - set(self.treatments)):
            self.treatments.append(name)
        numbers = {name: index for index, name in enumerate(self.treatments)}
        return np.array([numbers[text] for text in texts], np.int16)

    def still_open(self, treatment: str, since: float) -> int:
        """Users whose latest event is a `next` at `since` (ms) or later."""
        if treatment not in self.treatments:
            return 0
        rows = self._rows[: len(self)]
        own = rows["treatment"] == self.treatments.index(treatment)
        return int(np.count_nonzero(own & (rows["message"] == 0) & (rows["timestamp"] >= since)))

    def _number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def _grow(self) -> None:
        missing = len(self._numbers) - len(self._rows)
        if missing > 0:
            more = np.zeros(max(missing, len(self._rows) // 2, 1024), _ROW)
            more["treatment"] = NEW
            self._rows = np.concatenate([self._rows, more])


def _texts(
    names: Sequence[str | None], indices: npt.NDArray[np.integer], missing: npt.NDArray[np.bool_]
) -> pa.Array:
    if not names:
        return pa.nulls(len(indices), pa.string())
    codes = pa.array(indices.astype(np.int32), mask=missing)
    return pa.array(names, pa.string()).take(codes)
