"""The tables that CSV files are loaded into, and how a file is known as one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from offline.errors import InputError

Type = Literal["BIGINT", "DOUBLE PRECISION", "TEXT", "FLAG"]
"""Of all three engines; FLAG is True or False, kept as 1 or 0."""


@dataclass(frozen=True)
class Table:
    """A table, with a key, so that a row that is loaded again takes the place of itself."""

    name: str
    columns: dict[str, Type]
    key: tuple[str, ...]
    known_by: frozenset[str]
    """Columns that a file of it must have."""
    needed: tuple[str, ...]
    """A row without these is a bad one."""
    index: tuple[str, ...] = ()
    latest: str | None = None
    """Of rows with one key the one stays with the largest of this; None: the first."""


TABLES = (
    Table(
        "ratings",
        {
            "userid": "BIGINT",
            "movieid": "BIGINT",
            "rating": "DOUBLE PRECISION",
            "timestamp": "BIGINT",
        },
        ("userid", "movieid"),
        frozenset({"userid", "movieid", "rating"}),
        ("userid", "movieid", "rating"),
        ("movieid",),
        "timestamp",
    ),
    Table(
        "links",
        {"movieid": "BIGINT", "imdbid": "TEXT", "tmdbid": "TEXT"},
        ("movieid",),
        frozenset({"movieid", "imdbid", "tmdbid"}),
        ("movieid",),
        ("tmdbid",),
    ),
    Table(
        "movies",
        {"movieid": "BIGINT", "title": "TEXT", "genres": "TEXT"},
        ("movieid",),
        frozenset({"movieid", "title"}),
        ("movieid", "title"),
    ),
    Table(
        "movies_metadata",
        {
            "id": "BIGINT",
            "imdb_id": "TEXT",
            "title": "TEXT",
            "original_title": "TEXT",
            "original_language": "TEXT",
            "genres": "TEXT",
            "overview": "TEXT",
            "release_date": "TEXT",
            "adult": "FLAG",
            "popularity": "DOUBLE PRECISION",
            "vote_average": "DOUBLE PRECISION",
            "vote_count": "DOUBLE PRECISION",
            "runtime": "DOUBLE PRECISION",
            "budget": "DOUBLE PRECISION",
            "revenue": "DOUBLE PRECISION",
        },
        ("id",),
        frozenset({"id", "adult", "original_title"}),
        ("id", "adult"),
    ),
)


def table_of(path: Path, header: Sequence[str]) -> Table:
    """The table that a file is of, by its header. Raises InputError where it is of none."""
    names = {name.lower() for name in header}
    for table in TABLES:
        if table.known_by <= names:
            return table
    wanted = "; ".join(f"{table.name}: {', '.join(sorted(table.known_by))}" for table in TABLES)
    raise InputError(
        f"{path}: its header {', '.join(header)[:80]} is of no table that is known: {wanted}"
    )
