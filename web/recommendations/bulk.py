"""Cells of a version into the database: COPY on PostgreSQL, executemany elsewhere."""

from collections.abc import Callable, Iterable
from itertools import islice

from django.db import connection, transaction

from web.recommendations.models import SimilarityMatrix, SimilarityMatrixCell

BATCH = 20_000
"""Cells of a transaction: other writers wait no longer than these take."""
COLUMNS = ("matrix_id", "version", "row", "column", "value")

Cell = tuple[int, int, float]


def write_cells(
    matrix: SimilarityMatrix,
    version: int,
    cells: Iterable[Cell],
    after: Callable[[int], object] = lambda written: None,
) -> int:
    """Insert (row, column, value) of a version that is not published; gives their number.

    `after` is called after each batch, which is a transaction of its own, with the number written.
    Raises IntegrityError where a cell is there already.
    """
    rows = ((matrix.pk, version, *cell) for cell in cells)
    written = 0
    while batch := list(islice(rows, BATCH)):
        with transaction.atomic():
            _insert(batch)
        written += len(batch)
        after(written)
    return written


def _insert(batch: list[tuple[int, int, int, int, float]]) -> None:
    names = ", ".join(connection.ops.quote_name(column) for column in COLUMNS)
    into = f"{connection.ops.quote_name(SimilarityMatrixCell._meta.db_table)} ({names})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {into} FROM STDIN") as copy:
                for row in batch:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", batch)
