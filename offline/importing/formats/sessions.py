"""Sessions without times or visitors: a line of items each, in order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from offline.data.events import Events
from offline.data.sessions import Prefixes, SessionData
from offline.errors import InputError
from offline.importing.clean_text import head_of
from offline.importing.source import Columns, DataFormat, File, Source, has_files

_TRAIN, _TEST = "train.txt.gz", "test.txt.gz"
_FIRST_MS, _SECOND_MS = 946_684_800_000, 1000
"""Places stand for times: a second each, from 2000-01-01."""


class Sessions(DataFormat):
    """train.txt.gz: a session a line; test.txt.gz: a prefix, a tab, and what came next."""

    name = "sessions"
    about = "sessions as lines of items: train.txt.gz, test.txt.gz"

    def recognises(self, source: Path) -> bool:
        if not has_files(source, [_TRAIN, _TEST]):
            return False
        folder = source if source.is_dir() else source.parent
        return "\t" in "".join(head_of(folder / _TEST, 1 << 12).splitlines()[:1])

    def open(self, source: Path, columns: Columns) -> Source:
        path = self.file(source, _TRAIN)
        items, bounds = _sessions(path)
        session = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        places = np.arange(len(items)) - bounds[session]
        table = pa.table(
            {
                "session": pa.array(session),
                "item": pa.array(items),
                "time": pa.array(_FIRST_MS + places * _SECOND_MS),
                "line": pa.array(session + 1),
            }
        )
        named = Columns(user="session", item="item", time="time")
        note = "places in a session stand for times, a second each from 2000-01-01"
        file = File(path=path, layout="table", table=table, columns=named, kind="view")
        return Source(files=(file,), notes=(note,))

    def sessions(self, source: Path) -> SessionData:
        """The training sessions, and the prefixes that come with them."""
        items, bounds = _sessions(self.file(source, _TRAIN))
        prefix, starts, target = _prefixes(self.file(source, _TEST))
        found = np.unique(np.concatenate([items, prefix, target]))
        session = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        times = _FIRST_MS + (np.arange(len(items)) - bounds[session]) * _SECOND_MS
        kind = np.zeros(len(items), np.int16)
        train = Events.of(session, np.searchsorted(found, items), kind, times, ("view",))
        prefix, target = np.searchsorted(found, prefix), np.searchsorted(found, target)
        test = Prefixes(prefix, starts, target, _chains(prefix, starts, target))
        told = (
            f"published: learned from {len(bounds) - 1:,} sessions with {len(items):,} events, "
            f"asked for what follows {len(target):,} prefixes of others"
        )
        return SessionData(source.resolve().name, train, test, len(found), told)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Those that are not blank, with their numbers."""
    lines = enumerate(head_of(path, 1 << 40).split("\n"), 1)
    return ((number, line) for number, line in lines if line.strip())


def _sessions(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All items in order, and the bounds of the sessions. Raises InputError."""
    rows = [_numbers(path, number, line) for number, line in _lines(path)]
    if not rows:
        raise InputError(f"{path}: no sessions")
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)])


def _prefixes(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    rows, targets = [], []
    for number, line in _lines(path):
        prefix, tab, target = line.partition("\t")
        if not tab:
            raise InputError(
                f"{path}:{number}: expected items, a tab, and the item that came next"
            )
        rows.append(_numbers(path, number, prefix))
        targets.append(_numbers(path, number, target)[:1])
    if not rows:
        raise InputError(f"{path}: no prefixes")
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)]), np.concatenate(targets)


def _numbers(path: Path, number: int, line: str) -> NDArray[np.int64]:
    try:
        found = np.array(line.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        found = np.empty(0, np.int64)
    if not len(found) or found.min() < 0:
        raise InputError(f"{path}:{number}: expected items as whole numbers, not {line[:40]!r}")
    return found


def _chains(
    items: NDArray[np.int64], bounds: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Which prefixes are of one session: each the one before it, less its last item."""
    session = np.zeros(len(target), np.int64)
    for row in range(1, len(target)):
        one, other = items[bounds[row - 1] : bounds[row]], items[bounds[row] : bounds[row + 1]]
        same = len(one) == len(other) + 1 and one[-1] == target[row]
        same = same and np.array_equal(one[:-1], other)
        session[row] = session[row - 1] + (not same)
    return session
