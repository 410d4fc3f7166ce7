"""Cells of similarity matrices in bulk."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import IntegrityError, connection, transaction

from web.api.bulk.records import RecordError, Records
from web.api.bulk.table import NAME, sql, uploaded
from web.api.rest.errors import Conflict
from web.api.rest.fields import read_id
from web.recommendations.models import SimilarityMatrix, SimilarityMatrixCell

KEYS = ("matrix", "version", "row", "column", "value")
READ_ONLY = ("id",)
FIELDS = [SimilarityMatrixCell._meta.get_field(name) for name in KEYS]
TABLE = "recommendations_similaritymatrixcell"
COLUMNS = "`matrix_id`, `version`, `row`, `column`, `value`"
SAME = " AND ".join(
    f"t.`{name}` = u.`{name}`" for name in ("matrix_id", "version", "row", "column")
)
HIGHEST_VERSION = 2**31 - 1


def _value(value: Any) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not -1.000001 <= found <= 1.000001:  # rounding may lead past 1
        raise ValueError("value is a similarity from -1 to 1")
    return found


def _whole(value: Any, key: str, highest: int) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= highest:
        raise ValueError(f"{key} is a whole number above 0")
    return value


def rows(
    records: Records, word: str, fixed: tuple[int, int] | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of records, checked; `fixed` is the matrix and version of all of them.

    Raises RecordError, which names the line.
    """
    matrices: dict[int, bool] = {}
    for number, record in records:
        try:
            if unknown := record.keys() - set(KEYS) - set(READ_ONLY):
                raise ValueError(f"{min(unknown)} is unknown; known are {', '.join(KEYS)}")
            if fixed and record.keys() & {"matrix", "version"}:
                raise ValueError("matrix and version are in the address already")
            matrix, version = fixed or (
                read_id(record.get("matrix")),
                _whole(record.get("version"), "version", HIGHEST_VERSION),
            )
            if not fixed and matrix not in matrices:
                if not SimilarityMatrix.objects.filter(pk=matrix).exists():
                    raise ValueError(f"there is no similarity matrix {matrix}")
                matrices[matrix] = True
            row, column = (_whole(record.get(k), k, 2**63 - 1) for k in ("row", "column"))
            yield number, matrix, version, row, column, _value(record.get("value"))
        except ValueError as error:
            raise RecordError(f"{word} {number}: {error}") from None


def _refuse_repeated(cursor: Any, word: str) -> None:
    """Raises RecordError for the first cell that is there twice, in the upload or before it."""
    cursor.execute(
        sql(
            f"SELECT MIN(line), MAX(line) FROM {NAME} GROUP BY `matrix_id`, `version`, `row`, "
            "`column` HAVING COUNT(*) > 1 ORDER BY MAX(line) LIMIT 1"
        )
    )
    if found := cursor.fetchone():
        raise RecordError(f"{word} {found[1]}: is the cell of {word} {found[0]} again")
    cursor.execute(
        sql(f"SELECT MIN(u.line) FROM {NAME} u JOIN {TABLE} t ON {SAME} HAVING COUNT(*) > 0")
    )
    if found := cursor.fetchone():
        raise RecordError(f"{word} {found[0]}: the version has this cell already")


def _insert(cursor: Any, word: str) -> None:
    try:
        with transaction.atomic():
            cursor.execute(
                sql(f"INSERT INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM {NAME} ORDER BY line")
            )
    except IntegrityError:
        _refuse_repeated(cursor, word)
        raise


def add(given: Iterable[tuple[Any, ...]], word: str) -> list[SimilarityMatrixCell]:
    """Add all cells or none; gives them as they are stored. Raises RecordError."""
    with uploaded(FIELDS, given), connection.cursor() as cursor:
        with transaction.atomic():
            _insert(cursor, word)
        return list(
            SimilarityMatrixCell.objects.raw(
                sql(f"SELECT t.* FROM {NAME} u JOIN {TABLE} t ON {SAME} ORDER BY u.line")
            )
        )


def replace(matrix: int, version: int, given: Iterable[tuple[Any, ...]], word: str) -> int:
    """Make the cells of a version that nobody reads exactly these; gives their number.

    Raises RecordError, and Conflict where the version is published.
    """
    with uploaded(FIELDS, given) as received, connection.cursor() as cursor:
        with transaction.atomic():
            locked = SimilarityMatrix.objects.select_for_update().filter(pk=matrix).first()
            if locked is None or locked.version == version:
                raise Conflict(f"version {version} is published: write one that nobody reads yet")
            SimilarityMatrixCell.objects.filter(matrix=matrix, version=version).delete()
            _insert(cursor, word)
    return received
