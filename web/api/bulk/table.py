"""A temporary table that takes rows as they come, before anything else is locked or changed.

Bodies arrive slowly and are large; what is known only when all is there (two rows of one key, a
row that refers to nothing) is then asked of the database: memory does not grow with the body.
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
    # Without the word TEMPORARY MariaDB would commit the transaction around it.
    kind = "TEMPORARY TABLE" if connection.vendor == "mysql" else "TABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {kind} IF EXISTS {NAME}")
        cursor.execute(sql(f"CREATE TEMPORARY TABLE {NAME} ({said})"))
        try:
            yield _fill(cursor, columns, rows)
        finally:
            if not connection.needs_rollback:
                cursor.execute(f"DROP {kind} IF EXISTS {NAME}")


def _type(field: Field) -> str:
    return str(field.rel_db_type(connection) if field.remote_field else field.db_type(connection))


def _fill(cursor: Any, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> int:
    names = ", ".join(f"`{name}`" for name in columns)
    places = ", ".join(["%s"] * len(columns))
    insert = sql(f"INSERT INTO {NAME} ({names}) VALUES ({places})")
    copies = connection.vendor == "postgresql"
    count, rest = 0, iter(rows)
    # A batch is read to its end before it is sent: rows may ask the database, which answers
    # nothing else while a COPY lasts.
    while batch := list(islice(rest, BATCH)):
        if copies:
            with cursor.copy(sql(f"COPY {NAME} ({names}) FROM STDIN")) as copy:
                for row in batch:
                    copy.write_row(row)
        else:
            cursor.executemany(insert, batch)
        count += len(batch)
    if copies:  # else joins take the table for another size than it has
        cursor.execute(f"ANALYZE {NAME}")
    return count
