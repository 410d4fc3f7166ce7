"""The items of a source, with their titles and other fields."""

from pathlib import Path

import duckdb

from offline.engine.quoting import literal, quoted
from offline.errors import InputError
from offline.importing.clean_text import clean_text
from offline.importing.source import File
from offline.importing.stage import Staged, check_names, columns_of, escaped

_RESERVED = ("id", "item", "title", "number")


def write_items(staged: Staged, file: File | None, directory: Path) -> list[str]:
    """Write `items.parquet`; what to tell of items without a description, or without a row."""
    connection = staged.connection
    out = str(directory / "items.parquet")
    if file is None:
        connection.sql(
            "SELECT items.id, t.title FROM items LEFT JOIN (SELECT iid, MIN(title) AS title"
            " FROM typed WHERE fault IS NULL GROUP BY iid) t ON t.iid = items.id ORDER BY number"
        ).write_parquet(out, compression="zstd")
        return []
    try:
        relation, columns = _relation(staged, file)
    except duckdb.Error as error:
        raise InputError(f"{file.path} cannot be read: {str(error).splitlines()[0]}") from error
    [(kind,)] = connection.execute("SELECT ANY_VALUE(typeof(id)) FROM items").fetchall()
    id_name, title = file.columns.item, file.columns.title
    assert id_name is not None
    raw_id = f"TRIM(CAST({columns[id_name]} AS VARCHAR))"
    own = f"TRY_CAST({raw_id} AS BIGINT)" if kind == "BIGINT" else raw_id
    fields = [
        f"{cell} AS {quoted(name if name not in _RESERVED else name + '_')}"
        for name, cell in columns.items()
        if name not in (id_name, title, "")
    ]
    shown = "NULL" if title is None else f"NULLIF(TRIM(CAST({columns[title]} AS VARCHAR)), '')"
    listed = "".join(f", {item}" for item in fields)
    try:
        connection.execute(
            f"CREATE TABLE described AS SELECT {own} AS described_id, CAST({shown} AS VARCHAR)"
            f" AS title{listed}, ROW_NUMBER() OVER () AS place FROM {relation}"
        )
    except duckdb.Error as error:
        raise InputError(f"{file.path} cannot be read: {str(error).splitlines()[0]}") from error
    connection.execute(
        "CREATE TABLE once AS SELECT * EXCLUDE (place) FROM described WHERE described_id IS NOT"
        " NULL QUALIFY ROW_NUMBER() OVER (PARTITION BY described_id ORDER BY place) = 1"
    )
    connection.sql(
        "SELECT items.id, once.* EXCLUDE (described_id) FROM items LEFT JOIN once"
        " ON once.described_id = items.id ORDER BY number"
    ).write_parquet(out, compression="zstd")
    return _notes(connection, file)


def _notes(connection: duckdb.DuckDBPyConnection, file: File) -> list[str]:
    [(rows, ids, once)] = connection.execute(
        "SELECT COUNT(*), COUNT(described_id), COUNT(DISTINCT described_id) FROM described"
    ).fetchall()
    [(bare, unused)] = connection.execute(
        "SELECT (SELECT COUNT(*) FROM items ANTI JOIN once ON described_id = items.id),"
        " (SELECT COUNT(*) FROM once ANTI JOIN items ON described_id = items.id)"
    ).fetchall()
    name = file.path.name
    rejected = 0
    if file.layout == "text":
        [(rejected,)] = connection.execute(
            "SELECT COUNT(DISTINCT line) FROM rejects_items"
        ).fetchall()
    told = [
        (rejected, "line", f"in {name} cannot be split into columns: left out"),
        (rows - ids, "row", f"in {name} without an item's id: left out"),
        (ids - once, "row", f"in {name} of an item that is there already: its first row is kept"),
        (bare, "item", f"not in {name}: without a title"),
        (unused, "item", f"in {name} without an interaction: left out"),
    ]
    return [f"{n:,} {what}{'' if n == 1 else 's'} {which}" for n, what, which in told if n]


def _relation(staged: Staged, file: File) -> tuple[str, dict[str, str]]:
    """The SQL of the file's rows, and of each column the SQL of its cell."""
    if file.layout == "table":
        assert file.table is not None
        staged.connection.register("items_incoming", file.table)
        return "items_incoming", {name: quoted(name) for name in file.table.column_names}
    if file.layout == "parquet":
        names = columns_of(file.path, "parquet")
        return f"read_parquet({literal(escaped(file.path))})", {n: quoted(n) for n in names}
    clean = clean_text(file.path, staged.scratch)
    staged.notes += clean.notes
    source = literal(escaped(clean.path))
    if file.layout == "jsonl":
        names = columns_of(file.path, "jsonl")
        shape = ", ".join(f"{literal(name)}: 'JSON'" for name in names)
        return (
            f"read_json({source}, format = 'newline_delimited', columns = {{{shape}}},"
            " ignore_errors = true, maximum_object_size = 16777216)",
            {name: f"({quoted(name)} ->> '$')" for name in names},
        )
    names = list(file.names) or columns_of(file.path, "text", file.delimiter)
    check_names(file, names)
    shape = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(names)))
    return (
        f"read_csv({source}, auto_detect = false, header = {str(not file.names).lower()},"
        f" columns = {{{shape}}}, delim = {literal(file.delimiter)},"
        f" quote = {literal(file.quote)}, escape = {literal(file.quote)}, null_padding = true,"
        " strict_mode = false, max_line_size = 16777216, store_rejects = true,"
        " rejects_table = 'rejects_items',"
        " rejects_scan = 'scan_items')",
        {name: f"c{place}" for place, name in enumerate(names)},
    )
