"""Many rows into a table at once: COPY on PostgreSQL, executemany elsewhere."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection, models, transaction

from web.recommendations.models import SimilarityMatrix, SimilarityMatrixCell

BATCH = 20_000
"""Rows of a transaction: other writers wait no longer than these take."""

Cell = tuple[int, int, float]


def insert(table: type[models.Model], columns: Sequence[str], rows: Iterable[Any]) -> int:
    """Insert `rows`, tuples of the values of `columns`; gives their number.

    Raises IntegrityError as any insert does; then none of them is there.
    """
    quoted = ", ".join(connection.ops.quote_name(column) for column in columns)
    into = f"{connection.ops.quote_name(table._meta.db_table)} ({quoted})"
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            n = 0
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for n, row in enumerate(rows, 1):  # noqa: B007
                    copy.write_row(row)
            return n
        listed = list(rows)
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", listed)
        return len(listed)


def write_cells(
    matrix: SimilarityMatrix,
    version: int,
    cells: Iterable[Cell],
    after: Callable[[int], object] = lambda written: None,
) -> int:
    """Insert (row, column, value) cells of a version that is not published; gives their number.

    `after` is called after each batch, which is a transaction of its own, with the number written.
    """
    rows = ((matrix.pk, version, *cell) for cell in cells)
    columns = ("matrix_id", "version", "row", "column", "value")
    written = 0
    while batch := list(islice(rows, BATCH)):
        written += insert(SimilarityMatrixCell, columns, batch)
        after(written)
    return written
