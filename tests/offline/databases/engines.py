"""A database of each engine, filled by plain SQL."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

ENGINES = [pytest.param("postgres", marks=pytest.mark.integration), "duckdb", "sqlite"]
Execute = Callable[..., list[tuple[Any, ...]]]


def source_of(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URL or a path, of an empty database."""
    if engine == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return str(tmp_path / f"films.{engine}")


def execute(source: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements by the engine's own driver, and commit; the rows of the last."""
    if source.startswith("postgresql"):
        with psycopg.connect(source) as client, client.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.encode())
            return list(cursor.fetchall()) if cursor.description else []
    found: list[tuple[Any, ...]] = []
    if source.endswith(".duckdb"):
        with duckdb.connect(source) as duck:
            for statement in statements:
                found = duck.execute(statement).fetchall()
        return found
    light = sqlite3.connect(source)
    try:
        for statement in statements:
            found = light.execute(statement).fetchall()
        light.commit()
    finally:
        light.close()
    return found


def values(rows: Sequence[Sequence[object]]) -> str:
    """Rows as SQL has them after VALUES."""

    def cell(value: object) -> str:
        return "NULL" if value is None else repr(value)

    return ", ".join(f"({', '.join(map(cell, row))})" for row in rows)
