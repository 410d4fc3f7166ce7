"""Items of RetailRocket: their properties at the end of the events, and their categories."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from offline.engine.quoting import literal
from offline.errors import InputError

_CSV = """auto_detect = false, header = true, delim = ',', quote = '"', escape = '"'"""
_MS = "CASE WHEN {0} < 100000000000 THEN CAST({0} AS BIGINT) * 1000 ELSE {0} END"
"""Seconds or milliseconds since 1970, as milliseconds."""


def item_table(
    properties: Sequence[Path], tree: Path | None, events: Path, hashed: bool
) -> tuple[pa.Table, list[str]]:
    """Category and availability of each item, as of the last event; and what to tell of them.

    Parameters
    ----------
    properties : sequence of Path
        CSV of `timestamp,itemid,property,value`: a row for each time that a value was seen.
    tree : Path, optional
        CSV of `categoryid,parentid`, the parent empty for a root.
    events : Path
        CSV with a column `timestamp`.
    hashed : bool
        Whether to keep the other properties too, whose names are hashes: as JSON, in `properties`.

    Returns
    -------
    pyarrow.Table
        Columns `item`, `category` (a text), `category_path` (from the root, with slashes, where
        there is a tree), `available` (0 or 1), and `properties` if asked for.
    list of str
        What was left out.

    Raises
    ------
    InputError
        For files that cannot be read.
    """
    try:
        with duckdb.connect() as connection:
            return _item_table(connection, properties, tree, events, hashed)
    except duckdb.Error as error:
        raise InputError(
            f"{properties[0].parent}: item properties cannot be read: {str(error).splitlines()[0]}"
        ) from error


def _item_table(
    connection: duckdb.DuckDBPyConnection,
    properties: Sequence[Path],
    tree: Path | None,
    events: Path,
    hashed: bool,
) -> tuple[pa.Table, list[str]]:
    [(last,)] = connection.execute(
        f"SELECT MAX(TRY_CAST(timestamp AS BIGINT)) FROM read_csv({literal(str(events))},"
        " header = true, all_varchar = true, ignore_errors = true)"
    ).fetchall()
    if last is None:
        raise InputError(f"{events}: no timestamps, so that no property is known to be the latest")
    paths = ", ".join(literal(str(path)) for path in properties)
    shape = "'timestamp': 'BIGINT', 'itemid': 'BIGINT', 'property': 'VARCHAR', 'value': 'VARCHAR'"
    wanted = "" if hashed else " WHERE property IN ('categoryid', 'available')"
    connection.execute(
        f"CREATE TABLE seen AS SELECT itemid AS item, property, TRIM(value) AS value,"
        f" {_MS.format('timestamp')} AS ms FROM read_csv([{paths}], {_CSV},"
        f" columns = {{{shape}}}, store_rejects = true){wanted}"
    )
    [(bad,)] = connection.execute("SELECT COUNT(DISTINCT line) FROM reject_errors").fetchall()
    cut = f"{_MS.format(int(last))}"
    # Of values seen at one moment the larger is kept: no order but that of time.
    connection.execute(
        "CREATE TABLE latest AS SELECT item, property, MAX_BY(value, (ms, value)) AS value"
        f" FROM seen WHERE ms <= {cut} GROUP BY item, property"
    )
    [(late,)] = connection.execute(
        "SELECT COUNT(DISTINCT item) FROM seen WHERE item NOT IN (SELECT item FROM latest)"
    ).fetchall()
    others = "FILTER (property NOT IN ('categoryid', 'available'))"
    names, values = (f"LIST({x} ORDER BY property) {others}" for x in ("property", "value"))
    more = f", CAST(TO_JSON(MAP({names}, {values})) AS VARCHAR) AS properties"
    table = connection.sql(
        "SELECT item, MAX(value) FILTER (property = 'categoryid') AS category,"
        " MAX(TRY_CAST(value AS TINYINT)) FILTER (property = 'available') AS available"
        f"{more if hashed else ''} FROM latest GROUP BY item ORDER BY item"
    ).to_arrow_table()
    notes = ["category and availability of items are the latest up to the last event"]
    if not hashed:
        notes.append("other item properties, whose names are hashes, are left out")
    if bad:
        notes.append(f"{bad:,} rows of item properties cannot be read: left out")
    if late:
        notes.append(f"{late:,} items have properties only after the last event: left out")
    if tree is not None:
        table, told = _with_paths(table, _parents(connection, tree))
        notes += told
    return table, notes


def _parents(connection: duckdb.DuckDBPyConnection, tree: Path) -> dict[str, str | None]:
    rows = connection.execute(
        f"SELECT categoryid, parentid FROM read_csv({literal(str(tree))}, {_CSV},"
        " columns = {'categoryid': 'VARCHAR', 'parentid': 'VARCHAR'}) ORDER BY ALL"
    ).fetchall()
    return {category: parent or None for category, parent in rows if category}


def _with_paths(table: pa.Table, parents: Mapping[str, str | None]) -> tuple[pa.Table, list[str]]:
    """With a column `category_path`; a category that is not in the tree is its own root."""
    paths: dict[Any, str] = {}
    circles = 0
    for category in set(table["category"].to_pylist()) - {None}:
        found = [category]
        while (parent := parents.get(found[-1])) is not None:
            if parent in found:
                circles += 1
                break
            found.append(parent)
        paths[category] = "/".join(reversed(found))
    absent = sum(category not in parents for category in paths)
    column = pa.array([paths.get(one) for one in table["category"].to_pylist()], pa.string())
    told = [
        (absent, "categories of items are not in the category tree: they are roots"),
        (circles, "categories are below themselves in the category tree: their paths are cut"),
    ]
    return table.add_column(2, "category_path", column), [f"{n:,} {what}" for n, what in told if n]
