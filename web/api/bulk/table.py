"""A temporary table that takes rows as they come, before anything else is locked or changed.

Bodies arrive slowly and are large; what is known only when all is there (two rows of one key, a row
that refers to nothing) is then asked of the database, so that memory does not grow with the body.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Field

BATCH = 5000
NAME = "api_upload"


def sql(text: str) -> str:
    """SQL with names in backticks, in the quotes of this database."""
    return text if connection.vendor == "mysql" else text.replace("`", '"')


@contextmanager
def uploaded(fields: list[Field], rows: Iterable[tuple[Any, ...]]) -> Iterator[int]:
    """Put `rows`, each with its line first, into the table; gives their number.

    Columns are `line` and those of `fields`. The table is gone at the end.
    """
    columns = ["line", *(field.column for field in fields)]
    types = ["integer", *(_type(field) for field in fields)]
    said = ", ".join(f"`{name}` {kind}" for name, kind in zip(columns, types, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(sql(f"DROP TABLE IF EXISTS {NAME}"))
        cursor.execute(sql(f"CREATE TEMPORARY TABLE {NAME} ({said})"))
        try:
            yield _fill(cursor, columns, rows)
        finally:
            if not connection.needs_rollback:
                cursor.execute(f"DROP TABLE IF EXISTS {NAME}")


def _type(field: Field) -> str:
    return str(field.rel_db_type(connection) if field.remote_field else field.db_type(connection))


def _fill(cursor: Any, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    names = ", ".join(f"`{name}`" for name in columns)
    if connection.vendor == "postgresql":
        count = 0
        with cursor.copy(sql(f"COPY {NAME} ({names}) FROM STDIN")) as copy:
            for count, row in enumerate(rows, 1):
                copy.write_row(row)
        return count
    places = ", ".join(["%s"] * len(columns))
    insert = sql(f"INSERT INTO {NAME} ({names}) VALUES ({places})")
    count, rest = 0, iter(rows)
    while batch := list(islice(rest, BATCH)):
        cursor.executemany(insert, batch)
        count += len(batch)
    return count
