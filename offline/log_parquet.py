"""Parquet event logs: the same fields as JSON Lines, in columns of whatever fitting type."""

import contextlib
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from offline.errors import InputError
from offline.log_lines import BadLine, explain_event

COLUMNS = {
    field: "user_id" if field == "user" else field
    for field in ("message", "timestamp", "user", "track", "time", "latency", "experiments")
}

_INTEGERS: tuple[str, ...] = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
)
_NUMBERS = (*_INTEGERS, "DOUBLE", "DECIMAL")
_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE")

# Per field of the log: column types it may have and the expression for each.
_READ: Mapping[str, Mapping[tuple[str, ...], str]] = {
    "message": {("VARCHAR",): "message"},
    "timestamp": {
        _INTEGERS: "TRY_CAST(timestamp AS BIGINT)",
        _TIMES: "epoch_ms(timestamp)",
    },
    "user": {
        (*_INTEGERS, "DECIMAL"): 'integer_text(CAST("user" AS VARCHAR))',
        ("VARCHAR",): 'integer_text("user")',
    },
    "track": {_INTEGERS: "TRY_CAST(track AS BIGINT)"},
    "time": {
        _NUMBERS: "CAST(time AS DOUBLE)",
        # By way of its shortest text: 0.8 in single precision must not become 0.800000012.
        ("FLOAT",): "CAST(CAST(time AS VARCHAR) AS DOUBLE)",
    },
    "latency": {(*_NUMBERS, "FLOAT"): "CAST(latency AS DOUBLE)"},
    "experiments": {
        ("VARCHAR", "JSON"): "CASE WHEN json_valid(experiments) THEN json(experiments) END",
        ("STRUCT", "MAP"): "CAST(to_json(experiments) AS VARCHAR)",
    },
}

# Fields that a log may lack, in the order of the table `lines`.
_OPTIONAL = {
    "session": "VARCHAR",
    "recommendation": "BIGINT",
    "recommender": "VARCHAR",
    "propensity": "DOUBLE",
}


def load_parquet(connection: duckdb.DuckDBPyConnection, path: Path, index: int) -> None:
    """Append the rows of one parquet log to the table `lines` as file number `index`.

    `experiments` may be a JSON string, a struct or a map; a user id beyond 64 bits needs a string
    or a decimal. Raises InputError for a file that is no parquet, a column that is missing or has
    a type that the field cannot have.
    """
    source = {"source": glob.escape(str(path))}
    try:
        load_relation(connection, "read_parquet($source)", source, path, index)
    except duckdb.Error as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def load_relation(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, str] | None,
    path: Path | str,
    index: int,
) -> None:
    """As `load_parquet`, from what a FROM clause names; `path` is for messages."""
    values = _selected(connection, relation, parameters, path)
    connection.execute(
        f"INSERT INTO lines SELECT *, is_event({', '.join(COLUMNS.values())})"
        f" FROM (SELECT {index} AS file, {values} FROM {relation})",
        parameters,
    )


def check_columns(connection: duckdb.DuckDBPyConnection, relation: str, path: Path | str) -> None:
    """Raises InputError where `load_relation` would: for what is no log by its columns."""
    _selected(connection, relation, None, path)


def _selected(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, str] | None,
    path: Path | str,
) -> str:
    schema = connection.execute(f"DESCRIBE SELECT * FROM {relation}", parameters).fetchall()
    types = {str(column): str(kind) for column, kind, *_ in schema}
    values = [f"{_expression(path, field, types)} AS {COLUMNS[field]}" for field in _READ]
    values += [
        f"TRY_CAST({field if field in types else 'NULL'} AS {kind}) AS {field}"
        for field, kind in _OPTIONAL.items()
    ]
    return ", ".join(values)


def _expression(path: Path | str, field: str, types: Mapping[str, str]) -> str:
    if field not in types:
        raise InputError(f"{path} has no column `{field}`, so it is no event log")
    name = types[field].split("(")[0]
    for kinds, expression in _READ[field].items():
        if name in kinds:
            return expression
    wanted = ", ".join(kind for kinds in _READ[field] for kind in kinds)
    raise InputError(f"{path}: column `{field}` is {types[field]}; it must be one of {wanted}")


def explain_rows(
    connection: duckdb.DuckDBPyConnection, path: Path, rows: Sequence[int]
) -> Iterator[BadLine]:
    """Why the rows with these positions (from 0, ascending) were turned down."""
    relation = "read_parquet($source, file_row_number = true)"
    source = {"source": glob.escape(str(path))}
    for row, reason in explain_relation(connection, relation, source, rows):
        yield BadLine(path, row + 1, reason)


def explain_relation(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Mapping[str, str],
    rows: Sequence[int],
) -> Iterator[tuple[int, str]]:
    """`file_row_number` and reason for those of `rows`, ascending, in a relation that has it."""
    found = connection.execute(
        f"SELECT * FROM {relation}"
        " WHERE list_contains($rows, file_row_number) ORDER BY file_row_number",
        {**parameters, "rows": list(rows)},
    )
    names = [str(column[0]) for column in found.description or []]
    for values in found.fetchall():
        row = dict(zip(names, values, strict=True))
        yield row["file_row_number"], explain_event(_as_in_json(row))


def _as_in_json(row: Mapping[str, object]) -> dict[str, object]:
    event = dict(row)
    user = event.get("user")
    if isinstance(user, Decimal) or (isinstance(user, str) and user.isdecimal()):
        event["user"] = int(user)
    if isinstance(event.get("timestamp"), datetime):
        event["timestamp"] = 0
    if isinstance(event.get("time"), Decimal):
        event["time"] = float(str(event["time"]))
    experiments = event.get("experiments")
    if isinstance(experiments, str):
        with contextlib.suppress(ValueError):
            event["experiments"] = json.loads(experiments)
    return event
