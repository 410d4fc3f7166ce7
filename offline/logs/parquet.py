"""Parquet event logs: the same fields as JSON Lines, in columns of whatever fitting type."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from offline.errors import InputError
from offline.logs.bad_lines import BadLine, explain_fault

_INTEGERS: tuple[str, ...] = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE")
_NONE = '"NULL"'
"""The type of a column without a value in any row."""

# An integer as text, of a column that is named by {}. Single precision holds integers up to 2^24.
_WHOLE = {
    _INTEGERS: "CAST({} AS VARCHAR)",
    ("DOUBLE",): "CAST(whole_number({}) AS VARCHAR)",
    ("FLOAT",): "CASE WHEN ABS({}) <= 16777216 THEN CAST(whole_number({}) AS VARCHAR) END",
    ("DECIMAL",): r"integer_text(regexp_replace(CAST({} AS VARCHAR), '\.0+$', ''))",
}
_BIGINT = {kinds: f"TRY_CAST({text} AS BIGINT)" for kinds, text in _WHOLE.items()}
_DOUBLE = {
    (*_INTEGERS, "DOUBLE", "DECIMAL"): "CAST({} AS DOUBLE)",
    # By way of its shortest text: 0.8 in single precision must not become 0.800000012.
    ("FLOAT",): "CAST(CAST({} AS VARCHAR) AS DOUBLE)",
}
_OBJECT = {
    ("VARCHAR", "JSON"): "CASE WHEN json_valid({}) THEN CAST(json({}) AS VARCHAR) END",
    ("STRUCT", "MAP"): "CAST(to_json({}) AS VARCHAR)",
    # As pandas writes back a map that it has read, and as Spark writes its entries.
    ("VARCHAR[][]",): "CAST(to_json(map_from_entries(list_transform({},"
    " lambda pair: {{'key': pair[1], 'value': pair[2]}}))) AS VARCHAR)",
    ("STRUCT[]",): "CAST(to_json(map_from_entries({})) AS VARCHAR)",
}

Readings = dict[tuple[str, ...], str]

# Per field of the log: column types it may have and the expression for each.
_READ: Mapping[str, Readings] = {
    "message": {("VARCHAR", "ENUM"): "CAST({} AS VARCHAR)", ("BLOB",): "decode({})"},
    "user": {**_WHOLE, ("VARCHAR",): "user_digits({})"},
    "track": _BIGINT,
    "time": _DOUBLE,
    "latency": _DOUBLE,
    "experiments": _OBJECT,
}
_TIMESTAMP: Mapping[str, Readings] = {
    "whole": _BIGINT,
    "broken": {**_DOUBLE, ("VARCHAR",): "CAST(NULL AS DOUBLE)"},
    "dated": {
        _TIMES: "epoch_us({}) // 1000",
        ("TIMESTAMP_NS",): "epoch_ns({}) // 1000000",
        ("TIMESTAMPTZ_NS",): "epoch_ns(CAST({} AS TIMESTAMP_NS)) // 1000000",
        ("VARCHAR",): "dated_ms({})",
    },
}

# Fields that a log may lack, in the order of the table `lines`.
_OPTIONAL = {
    "session": "VARCHAR",
    "recommender": "VARCHAR",
    "propensity": "DOUBLE",
    "run": "VARCHAR",
    "world_version": "VARCHAR",
    "model_version": "VARCHAR",
}
_REQUIRED = ("message", "timestamp", "user", "track", "time", "latency", "experiments")


def load_parquet(connection: duckdb.DuckDBPyConnection, path: Path, index: int) -> list[str]:
    """Append the rows of one parquet log to the table `lines` as file number `index`.

    `experiments` may be a JSON string, a struct, a map or its entries; a user id beyond 64 bits
    needs a string or a decimal. Returns notes on the file. Raises InputError
    for a file that is no parquet, a column that is missing or has a type that the field cannot
    have; not for one without rows.
    """
    source = {"source": glob.escape(str(path))}
    try:
        return load_relation(connection, "read_parquet($source)", source, path, index)
    except duckdb.Error as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def load_relation(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, str] | None,
    path: Path | str,
    index: int,
) -> list[str]:
    """As `load_parquet`, from the source of a FROM clause; `path` is for messages."""
    types = _types(connection, relation, parameters)
    if not connection.execute(f"SELECT 1 FROM {relation} LIMIT 1", parameters).fetchall():
        return []
    judged = _judged(relation, types, path, f"{index} AS file")
    connection.execute(f"INSERT INTO lines SELECT * EXCLUDE (shown) FROM ({judged})", parameters)
    if types.get("user") != "VARCHAR":
        return []
    padded = connection.execute(
        f"SELECT COUNT(*) FROM {relation} WHERE regexp_full_match(\"user\", '0[0-9]+')", parameters
    ).fetchall()[0][0]
    return note_on_padded(path, padded)


def note_on_padded(path: Path | str, rows: int) -> list[str]:
    """The note on a file in which this number of rows have a user such as `0007`."""
    if not rows:
        return []
    return [f"{path}: zeros in front of user ids do not count ({rows:,} rows have some)"]


def check_columns(connection: duckdb.DuckDBPyConnection, relation: str, path: Path | str) -> None:
    """Raises InputError as `load_relation` would: if by its columns it is no log."""
    _judged(relation, _types(connection, relation, None), path, "0 AS file")


def _types(
    connection: duckdb.DuckDBPyConnection, relation: str, parameters: Mapping[str, str] | None
) -> dict[str, str]:
    schema = connection.execute(f"DESCRIBE SELECT * FROM {relation}", parameters).fetchall()
    return {str(column): str(kind) for column, kind, *_ in schema}


def _judged(relation: str, types: Mapping[str, str], path: Path | str, place: str) -> str:
    """A query for `place` and rows of `lines`, with `shown`, the text of a field that is wrong."""
    for field in _REQUIRED:
        if field not in types:
            raise InputError(f"{path} has no column `{field}`, so it is no event log")
    values = {field: _expression(path, field, types, ways) for field, ways in _READ.items()}
    stamp = [_stamp(path, types, part) for part in _TIMESTAMP]
    recommended = "NULL"
    if "recommendation" in types:
        recommended = _expression(path, "recommendation", types, _BIGINT)
    values |= {
        field: f"TRY_CAST({_quoted(field) if field in types else 'NULL'} AS {kind})"
        for field, kind in _OPTIONAL.items()
    }
    shown = " ".join(
        f"WHEN '{field}' THEN CAST(to_json({_quoted(field)}) AS VARCHAR)"
        for field in (*_REQUIRED, "recommendation")
        if field in types
    )
    nothing = _is_nothing("recommendation", types)
    return f"""
        WITH typed AS (
            SELECT
                *, {stamp[0]} AS _whole, {stamp[1]} AS _broken, {stamp[2]} AS _dated,
                {", ".join(f"{value} AS _{field}" for field, value in values.items())},
                TRY_CAST({recommended} AS BIGINT) AS _recommendation
            FROM {relation}
        ),
        judged AS (
            SELECT *, fault_of(
                FALSE, _message, timestamp_ms(_whole, _broken, _dated), _user, _track, _time,
                _latency, NOT {nothing} AND _recommendation IS NULL, _experiments
            ) AS _fault
            FROM typed
        )
        SELECT
            {place}, _message, timestamp_ms(_whole, _broken, _dated) AS timestamp,
            timestamp_unit(_whole, _broken, _dated) AS unit, _user AS user_id, _track, _time,
            _latency, _experiments, _session, _recommendation, _recommender, _propensity,
            _run, _world_version, _model_version, _fault,
            CASE _fault {shown} END AS shown
        FROM judged"""


def _expression(path: Path | str, field: str, types: Mapping[str, str], ways: Readings) -> str:
    if types[field] == _NONE:
        return "NULL"
    kind = types[field]
    name = "STRUCT[]" if kind.startswith("STRUCT") and kind.endswith("[]") else kind.split("(")[0]
    value = _quoted(field)
    if name in ("DOUBLE", "FLOAT"):
        value = f"(CASE WHEN NOT isnan({value}) THEN {value} END)"
    for kinds, expression in ways.items():
        if name in kinds:
            return expression.replace("{{", "{").replace("}}", "}").replace("{}", value)
    wanted = ", ".join(dict.fromkeys(kind for kinds in ways for kind in kinds))
    raise InputError(f"{path}: column `{field}` is {types[field]}; it must be one of {wanted}")


def _stamp(path: Path | str, types: Mapping[str, str], part: str) -> str:
    """One of the three ways in which a timestamp is given; NULL where it is another."""
    ways = _TIMESTAMP[part]
    others = {kinds: "NULL" for some in _TIMESTAMP.values() for kinds in some}
    kind = {"whole": "BIGINT", "broken": "DOUBLE", "dated": "BIGINT"}[part]
    return f"CAST({_expression(path, 'timestamp', types, ways | others | ways)} AS {kind})"


def _is_nothing(field: str, types: Mapping[str, str]) -> str:
    if field not in types:
        return "TRUE"
    nan = f" OR isnan({_quoted(field)})" if types[field] in ("DOUBLE", "FLOAT") else ""
    return f"({_quoted(field)} IS NULL{nan})"


def _quoted(field: str) -> str:
    return f'"{field}"'


def explain_rows(
    connection: duckdb.DuckDBPyConnection, path: Path, rows: Sequence[int]
) -> Iterator[BadLine]:
    """Why the rows with these positions (from 0, ascending) were turned down."""
    relation = "read_parquet($source, file_row_number = true)"
    source = {"source": glob.escape(str(path))}
    for row, reason in explain_relation(connection, relation, source, rows, path):
        yield BadLine(path, row + 1, reason)


def explain_relation(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, str],
    rows: Sequence[int],
    path: Path | str,
) -> Iterator[tuple[int, str]]:
    """`file_row_number` and reason for those of `rows`, ascending, in a relation that has it."""
    types = _types(connection, relation, parameters)
    some = f"(SELECT * FROM {relation} WHERE list_contains($rows, file_row_number))"
    judged = _judged(some, types, path, "file_row_number")
    found = connection.execute(
        f"SELECT file_row_number, _fault, shown FROM ({judged}) ORDER BY file_row_number",
        {**parameters, "rows": list(rows)},
    )
    for row, fault, shown in found.fetchall():
        yield row, explain_fault(fault, None if shown == "null" else shown)
