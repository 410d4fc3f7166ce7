"""A log: the names of its files, what may be there before, and what every log can do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from contract.events import LOG_NAME
from sim.engine.events import Events
from sim.errors import InputError

JSON, PARQUET = LOG_NAME, "data.parquet"
PARTIAL = ".data.parquet.partial"
"""A Parquet log that is being written: hidden, and no reader takes it for a log."""


class Log(Protocol):
    """Receives the events of a run. Use as a context manager."""

    def write(self, events: Events) -> None:
        """Append whole sessions in episode order. Raises InputError if writing fails."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def claim(directory: Path, day: int | None) -> None:
    """Make the directory of a new log. Raises InputError if it has a log or cannot be made.

    A log may have one file per day, from 1; after day 1 the files of earlier days
    may be there.
    """
    if day is not None and day > 1:
        return
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        patterns = (f"{JSON}*", "data*.parquet", PARTIAL)
        for path in (path for pattern in patterns for path in sorted(directory.glob(pattern))):
            raise InputError(f"{path} exists already: remove it or name another directory")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError while `path` is written into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
