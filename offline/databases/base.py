"""What every SQL database does, whatever its engine."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa

from offline.engine.progress import Report
from offline.errors import InputError

Kind = Literal["number", "text", "other", "any"]
"""What a column holds; `any` where the engine has no types of columns."""
Parameters = Mapping[str, int | str]
BATCH = 50_000


class Database(ABC):
    """A connection within one transaction: all queries see the same data.

    The engine says how names are quoted and how parameters are marked, so that one SQL text does
    for all: names go in by `quoted`, values by `parameter`, never as they are.
    """

    engine: ClassVar[str]
    faults: ClassVar[type[Exception]]
    """What the engine's client raises."""
    _client: Any

    def __init__(self, shown: str) -> None:
        self.shown = shown
        """Where it is, without a password."""

    @abstractmethod
    def tables(self) -> dict[str, str]:
        """Tables and views by name, each as SQL names it."""

    @abstractmethod
    def columns(self, relation: str) -> dict[str, Kind]:
        """Columns of what stands behind FROM, by name."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A name of a table or a column in SQL."""

    @abstractmethod
    def parameter(self, name: str) -> str:
        """The mark of a parameter in SQL."""

    def in_byte_order(self, column: str, kind: Kind) -> str:
        """A column that is compared and ordered byte by byte, so that all engines agree."""
        return column

    def subquery(self, query: str) -> str:
        """A query that somebody wrote, to stand behind FROM."""
        return f"(\n{query.strip().rstrip(';')}\n) AS query"

    @abstractmethod
    def batches(
        self, query: str, parameters: Parameters | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a query, some at a time."""

    @abstractmethod
    def row(self, query: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
        """The first row of a query."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """A statement without an answer."""

    @abstractmethod
    def copy_csv(self, table: str, columns: Sequence[str], path: Path, report: Report) -> None:
        """Append the rows of a CSV file without a header; an empty cell is NULL.

        `table` and `columns` are as SQL names them.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make what was written last."""

    def close(self) -> None:
        """End the connection; what is not committed is undone."""
        self._client.close()

    def reason(self, fault: Exception) -> str:
        """What is wrong, in a line."""
        return str(fault)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Faults of the client become InputErrors that say which database it is."""
        try:
            yield
        except self.faults as fault:
            raise InputError(f"{self.shown}: {self.reason(fault)}") from fault

    def table(self, name: str) -> str:
        """A table as SQL names it. Raises InputError where it is not there, and says which are."""
        there = self.tables()
        found = there.get(name) or {each.lower(): sql for each, sql in there.items()}.get(
            name.lower()
        )
        if found is not None:
            return found
        near = get_close_matches(name, there, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"{self.shown}: no table {name!r}; {meant}{self.tables_told()}")

    def tables_told(self) -> str:
        """Which tables there are, for a message."""
        names = sorted(self.tables())
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return f"it has {', '.join(names[:20])}{more}" if names else "it has no tables"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_batch(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Rows as columns; one of several types becomes text."""
    arrays = []
    for cells in zip(*rows, strict=True):
        try:
            arrays.append(pa.array(cells))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            texts = [None if cell is None else str(cell) for cell in cells]
            arrays.append(pa.array(texts, pa.string()))
    return pa.RecordBatch.from_arrays(arrays, names=list(names))
