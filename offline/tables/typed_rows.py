"""Reads tables from any source: CSV as programs and people write it, and Parquet.

Every value is text until a column is asked for. What is plain is taken: 1, 1.5, 1e3, True, yes,
and an empty cell or NaN for none. What is not is left out with its row, and counted with file and
row; the header of a CSV is row 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from offline.engine.quoting import literal, quoted
from offline.errors import InputError
from offline.logs.bad_lines import BadLine, Skipped
from offline.tables.header import Columns, header_of, magic_of

MAX_NAMED = 1000
"""Bad rows are all counted; this many of them are named."""
_MACROS = Path(__file__).parent / "sql" / "table_values.sql"


@dataclass(frozen=True)
class Table:
    """A table that was read: `table_rows` in its database.

    It has `n`, `user_id`, `treatment`, `timestamp` (ms; NULL without a time) and the columns of
    before and of values, numbers where they are numbers and text where they are not.
    """

    connection: duckdb.DuckDBPyConnection
    files: tuple[Path, ...]
    skipped: Skipped
    numbers: tuple[str, ...] = field(default=())
    """The columns that are numbers."""
    notes: tuple[str, ...] = ()


def read_table(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[tuple[str | None, Path]],
    columns: Columns,
) -> Table:
    """Read files, each with the treatment that it stands for where the rows have none.

    Raises InputError where a file cannot be read, has not the columns or no row that can be used.
    """
    connection.execute(_MACROS.read_text())
    names: list[str] = []
    bad: list[BadLine] = []
    faults: dict[str, int] = {}
    for number, (arm, path) in enumerate(files):
        found = _load(connection, path, number, arm, columns, bad, faults)
        names = names or found
        if set(found) != set(names):
            raise InputError(f"{path}: its columns are not those of {files[0][1]}")
    total = connection.execute("SELECT COUNT(*) FROM raw").fetchall()[0][0] + len(bad)
    if not total:
        raise InputError(f"{files[0][1]}: the table has no rows")
    numbers = _numbers(connection, names, columns)
    _type(connection, names, numbers, columns)
    starts = dict(connection.execute("SELECT file, MIN(n) FROM raw GROUP BY file").fetchall())
    odd = connection.execute(
        "SELECT file, n, fault, shown FROM typed WHERE fault IS NOT NULL ORDER BY n LIMIT ?",
        [MAX_NAMED],
    ).fetchall()
    for fault, count in connection.execute(
        "SELECT fault, COUNT(*) FROM typed WHERE fault IS NOT NULL GROUP BY fault"
    ).fetchall():
        faults[fault] = faults.get(fault, 0) + count
    shifted = _Shifts(bad)
    for number, n, fault, shown in odd:
        path = files[number][1]
        text = fault if shown is None else f"{fault}: {shown[:40]!r}"
        bad.append(BadLine(path, shifted.row(path, n - starts[number]), text))
    skipped = Skipped(
        total, sum(faults.values()), tuple(sorted(bad, key=_place)[:MAX_NAMED]), faults
    )
    if skipped.bad == total:
        raise InputError(f"none of the {total:,} rows can be used; the first: {skipped.named[0]}")
    connection.execute(
        "CREATE TABLE table_rows AS SELECT * EXCLUDE (fault, shown) FROM typed WHERE fault IS NULL"
    )
    connection.execute("DROP TABLE typed")
    connection.execute("DROP TABLE raw")
    paths = tuple(path for _, path in files)
    return Table(connection, paths, skipped, numbers)


class _Shifts:
    """Rows of a file that could not be split into columns are between the others."""

    def __init__(self, bad: Iterable[BadLine]) -> None:
        self._lines: dict[Path | str, list[int]] = {}
        for one in bad:
            self._lines.setdefault(one.path, []).append(one.line)

    def row(self, path: Path, place: int) -> int:
        """The file's row of the row at this place, from 0, among those that were read."""
        first = 1 if path.suffix == ".parquet" else 2
        row = place + first
        for line in sorted(self._lines.get(path, ())):
            row += line <= row
        return row


def _place(bad: BadLine) -> tuple[str, int]:
    return str(bad.path), bad.line


def _load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    number: int,
    arm: str | None,
    columns: Columns,
    bad: list[BadLine],
    faults: dict[str, int],
) -> list[str]:
    """Add a file to `raw`; the columns of the file that are asked for."""
    start = magic_of(path)
    try:
        if start == b"PAR1":
            return _load_parquet(connection, path, number, arm, columns)
        return _load_csv(connection, path, number, arm, columns, bad, faults)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def _load_parquet(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    number: int,
    arm: str | None,
    columns: Columns,
) -> list[str]:
    relation = connection.read_parquet(str(path))
    there = list(relation.columns)
    names = _wanted(path, there, columns)
    types = dict(zip(there, map(str, relation.types), strict=True))
    items = []
    for name in names:
        kind = types[name]
        column = quoted(name)
        if kind.startswith(("TIMESTAMP", "DATE")):
            cast = "TIMESTAMPTZ" if "TIME ZONE" in kind else "TIMESTAMP"
            column = f"CAST(epoch_ms(CAST({column} AS {cast})) AS VARCHAR)"
        elif kind.endswith("[]") or kind.startswith(("STRUCT", "MAP", "BLOB")):
            raise InputError(f"{path}: column {name!r} holds {kind}, not one value a row")
        else:
            column = f"CAST({column} AS VARCHAR)"
        items.append(f"{column} AS {quoted(name)}")
    _insert(connection, items, number, arm, f"read_parquet({literal(str(path))})")
    return names


def _load_csv(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    number: int,
    arm: str | None,
    columns: Columns,
    bad: list[BadLine],
    faults: dict[str, int],
) -> list[str]:
    delimiter, there = header_of(path, columns)
    names = _wanted(path, there, columns)
    for name in names:
        if there.count(name) > 1:
            raise InputError(f"{path}: column {name!r} is there {there.count(name)} times")
    shape = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(there)))
    source = (
        f"read_csv({literal(str(path))}, auto_detect = false, header = true,"
        f" columns = {{{shape}}}, delim = {literal(delimiter)}, quote = '\"', escape = '\"',"
        f" store_rejects = true, rejects_table = 'rejects_{number}',"
        f" rejects_scan = 'rejects_scan_{number}')"
    )
    items = [f"c{there.index(name)} AS {quoted(name)}" for name in names]
    _insert(connection, items, number, arm, source)
    rejected = connection.execute(
        f"SELECT line, FIRST(error_type) FROM rejects_{number} GROUP BY line ORDER BY line"
    ).fetchall()
    for line, kind in rejected:
        what = f"not {len(there)} columns" if "COLUMNS" in kind else kind.replace("_", " ").lower()
        bad.append(BadLine(path, int(line), what))
        faults[what] = faults.get(what, 0) + 1
    return names


def _insert(
    connection: duckdb.DuckDBPyConnection,
    items: Sequence[str],
    number: int,
    arm: str | None,
    source: str,
) -> None:
    own = "" if arm is None else f", {literal(arm)} AS file_treatment"
    listed = "".join(f", {item}" for item in items)
    select = f"SELECT CAST({number} AS INTEGER) AS file{own}{listed} FROM {source}"
    if number:
        connection.execute(
            f"INSERT INTO raw BY NAME SELECT *, (SELECT MAX(n) + 1 FROM raw)"
            f" + ROW_NUMBER() OVER () - 1 AS n FROM ({select})"
        )
    else:
        connection.execute(
            f"CREATE TABLE raw AS SELECT *, ROW_NUMBER() OVER () - 1 AS n FROM ({select})"
        )


def _wanted(path: Path, there: Sequence[str], columns: Columns) -> list[str]:
    for name in columns.named:
        if name not in there:
            raise InputError(f"{path}: no column {name!r}; it has {', '.join(there)}")
    return [name for name in dict.fromkeys(there) if name in {*columns.named, *columns.values}]


def _numbers(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], columns: Columns
) -> tuple[str, ...]:
    """The columns of numbers: at least half of their values are."""
    numbers = []
    for name in names:
        if name in columns.named and name not in columns.before and name not in columns.values:
            continue
        column = quoted(name)
        [(known, plain)] = connection.execute(
            f"SELECT COUNT(*) FILTER (NOT is_none({column})),"
            f" COUNT(*) FILTER (plain_number({column}) IS NOT NULL) FROM raw"
        ).fetchall()
        if 2 * plain >= known:
            numbers.append(name)
        elif name in columns.before:
            raise InputError(f"column {name!r} is not of numbers")
    return tuple(numbers)


def _type(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    numbers: Sequence[str],
    columns: Columns,
) -> None:
    """Make `typed`: the rows with what they are, or what is wrong with them."""
    unit = (
        "CAST(n + 1 AS VARCHAR)" if columns.unit is None else f"plain_id({quoted(columns.unit)})"
    )
    arm = (
        "file_treatment" if columns.treatment is None else f"plain_id({quoted(columns.treatment)})"
    )
    faults: list[tuple[str, str, str]] = []
    if columns.unit is not None:
        faults.append((f"{unit} IS NULL", f"no `{columns.unit}`", "NULL"))
    if columns.treatment is not None:
        faults.append((f"{arm} IS NULL", f"no `{columns.treatment}`", "NULL"))
    time = "CAST(NULL AS BIGINT)"
    if columns.time is not None:
        column = quoted(columns.time)
        time = f"moment_ms({column})"
        faults.append((f"{time} IS NULL", f"`{columns.time}` is no time", column))
    for name in numbers:
        column = quoted(name)
        odd = f"NOT is_none({column}) AND plain_number({column}) IS NULL"
        faults.append((odd, f"`{name}` is no number", column))
    cases = "".join(f" WHEN {when} THEN {literal(what)}" for when, what, _ in faults)
    shown = "".join(f" WHEN {when} THEN {which}" for when, _, which in faults)
    values = []
    for name in names:
        if name in columns.before or name in columns.values:
            column = quoted(name)
            values.append(
                f"plain_number({column}) AS {quoted(name)}"
                if name in numbers
                else f"CASE WHEN is_none({column}) THEN NULL ELSE TRIM({column}) END AS {column}"
            )
    taken = [name for name in (*columns.before, *columns.values) if name in names]
    check_free(taken, columns)
    listed = "".join(
        f", {value}"
        for value, name in zip(values, _kept(names, columns), strict=True)
        if name.lower() not in _OURS
    )
    fault = f"CASE{cases} END" if cases else "CAST(NULL AS VARCHAR)"
    what = f"CASE{shown} END" if shown else "CAST(NULL AS VARCHAR)"
    connection.execute(
        f"CREATE TABLE typed AS SELECT file, n, {unit} AS user_id, {arm} AS treatment,"
        f" {time} AS timestamp{listed}, {fault} AS fault, {what} AS shown FROM raw"
    )


_OURS = ("file", "n", "user_id", "treatment", "timestamp", "fault", "shown")


def _kept(names: Sequence[str], columns: Columns) -> list[str]:
    return [name for name in names if name in columns.before or name in columns.values]


def check_free(taken: Sequence[str], columns: Columns) -> None:
    """Raises InputError where a value's column has a name that means something else here."""
    roles: Mapping[str, str | None] = {
        "user_id": columns.unit,
        "treatment": columns.treatment,
        "timestamp": columns.time,
    }
    for name in taken:
        if name.lower() in _OURS and roles.get(name.lower()) != name:
            raise InputError(
                f"column {name!r} cannot be part of a metric, as that name means something else: "
                "rename it in the file"
            )
