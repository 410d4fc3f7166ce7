"""The lines of event logs in the order in which the service knew of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from botify.errors import InputError
from botify.event_log.segments import log_files
from botify.files.jsonlines import bounded_lines
from botify.files.reading import as_input_errors, open_regular
from contract.errors import FormatError
from contract.shop_events import SHOP_MESSAGES, parse_shop_event

BAD_STOP = 0.05
"""A larger share of lines that cannot be read ends the reading."""
EVERY = 1000
"""Lines between two calls of `Advance`."""
_PACKED = (".gz", ".zst", ".parquet")

Advance = Callable[[int], None]
"""Called with how many lines were done since."""


class Line(NamedTuple):
    """A line of the log."""

    known: int
    """When the service knew it, in ms."""
    row: dict[str, Any]


class Log:
    """The lines of some logs, sorted by the time at which the service knew them.

    That is `received` of an event, which may be later than its `timestamp`; what was imported has
    its `timestamp` alone. Lines of one time are in the order of files and of lines. An event that
    is there twice, by its id, counts once.
    """

    def __init__(self, paths: Sequence[Path], advance: Advance = lambda count: None) -> None:
        """`paths`: files, or directories with `data.json*`. Raises InputError."""
        self.counts: Counter[str] = Counter()
        """Lines by `message`, with "bad" and "repeated"."""
        self.sources: Counter[str] = Counter()
        """Items that were shown, by source."""
        self._lines: list[tuple[int, bytes]] = []
        ids: set[str] = set()
        for path in _files(paths):
            with open_regular(path) as file, as_input_errors(path):
                for number, line in enumerate(bounded_lines(path, file), 1):
                    self._take(line, ids)
                    if number % EVERY == 0:
                        advance(EVERY)
        total = self.counts.total()
        if not self._lines:
            raise InputError(f"{paths[0]}: no events of a shop there")
        if self.counts["bad"] > BAD_STOP * total:
            raise InputError(
                f"{self.counts['bad']:,} of {total:,} lines of the log cannot be read; "
                f"at most {BAD_STOP:.0%} may be left out"
            )
        self._lines.sort(key=lambda each: each[0])

    def _take(self, line: bytes, ids: set[str]) -> None:
        if not line.strip():
            return
        try:
            row = orjson.loads(line)
            message = row["message"]
            if message not in SHOP_MESSAGES:
                raise FormatError("another message")
            known = row["timestamp"]
            if message == "event":
                event = parse_shop_event(row)
                known = row.get("received", known)
                if event.id is not None:
                    if event.id in ids:
                        self.counts["repeated"] += 1
                        return
                    ids.add(event.id)
            elif message == "recommend":
                if not len(row["items"]) == len(row["sources"]) == len(row["scores"]):
                    raise FormatError("lists of different lengths")
                self.sources.update(row["sources"])
            if type(known) is not int or type(row["timestamp"]) is not int:
                raise FormatError("`timestamp` must be an integer")
        except (ValueError, KeyError, TypeError, FormatError):
            self.counts["bad"] += 1
            return
        self.counts[message] += 1
        self._lines.append((known, line))

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        for known, line in self._lines:
            yield Line(known, orjson.loads(line))


def _files(paths: Sequence[Path]) -> list[Path]:
    files = []
    for path in paths:
        found = log_files(path) if path.is_dir() else [path]
        if not found:
            raise InputError(f"{path}: no data.json* there")
        for file in found:
            if file.suffix in _PACKED:
                raise InputError(f"{file} is packed: unpack it, or name the other files")
        files += found
    return files
