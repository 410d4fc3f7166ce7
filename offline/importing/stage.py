"""Loads the files of a source into one table of texts, with their places."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from offline.engine.quoting import literal, quoted
from offline.errors import InputError
from offline.importing.clean_text import clean_text, head_of, packing_of
from offline.importing.guess import csv_header
from offline.importing.lines import first_objects, lines_inside_cells, lines_of_rows
from offline.importing.source import Columns, File
from offline.logs.bad_lines import BadLine

ROLES = ("user", "item", "value", "time", "kind", "title")
_CREATE = """
CREATE TABLE raw (
    file INTEGER, place BIGINT, "user" VARCHAR, item VARCHAR, value VARCHAR, "time" VARCHAR,
    kind VARCHAR, title VARCHAR,
    user_type VARCHAR,  -- 'n' a number, 't' a text; NULL where the file has no types
    item_type VARCHAR
)
"""


@dataclass
class Staged:
    """The table `raw`, and what could not be loaded into it."""

    connection: duckdb.DuckDBPyConnection
    scratch: Path
    files: list[File] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)
    rejected: list[BadLine] = field(default_factory=list)
    lost: int = 0
    """Lines inside of cells, in files where a quotation mark is not closed."""
    notes: list[str] = field(default_factory=list)

    def place(self, file: int, row: int) -> str:
        """`path:line` of a row."""
        return f"{self.files[file].path}:{self.lines(file, [row])[row]}"

    def lines(self, file: int, rows: Sequence[int]) -> dict[int, int]:
        """The line of each of these rows of a file."""
        return lines_of_rows(self.files[file], self.texts[file], rows)

    def add(self, file: File) -> None:
        """Append the rows of a file. Raises InputError for what cannot be read."""
        number = len(self.files)
        try:
            text = self._add(file, number)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{file.path} cannot be read: {reason}") from error
        self.files.append(file)
        self.texts.append(text)

    def _add(self, file: File, number: int) -> Path:
        if file.layout == "table":
            assert file.table is not None
            self.connection.register("incoming", file.table)
            types, texts = _types(file, self.connection.table("incoming"))
            self._insert(file, number, "incoming", types, texts)
            self.connection.unregister("incoming")
            return file.path
        if file.layout == "parquet":
            types, texts = _types(file, self.connection.read_parquet(escaped(file.path)))
            relation = f"read_parquet({literal(escaped(file.path))})"
            self._insert(file, number, relation, types, texts)
            return file.path
        clean = clean_text(file.path, self.scratch)
        self.notes += clean.notes
        source = literal(escaped(clean.path))
        if file.layout == "jsonl":
            names = dict.fromkeys(file.columns.named.values(), "JSON")
            shape = ", ".join(f"{literal(name)}: 'JSON'" for name in names)
            self._insert(
                file,
                number,
                f"read_json({source}, format = 'newline_delimited', columns = {{{shape}}},"
                " ignore_errors = true, maximum_object_size = 16777216)",
                json=True,
            )
            return clean.path
        names_there = file.names or csv_header(file.path, file.delimiter)
        check_names(file, names_there)
        cells = {name: f"c{place}" for place, name in enumerate(names_there)}
        shape = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(names_there)))
        for name in file.columns.named.values():
            if names_there.count(name) > 1:
                raise InputError(
                    f"{file.path}: column {name!r} is there more than once: rename it"
                )
        quote = f"quote = {literal(file.quote)}, escape = {literal(file.quote)}"
        self._insert(
            replace(file, columns=_renamed(file, cells)),
            number,
            f"read_csv({source}, auto_detect = false, header = {str(not file.names).lower()},"
            f" columns = {{{shape}}}, delim = {literal(file.delimiter)}, {quote},"
            " strict_mode = true, max_line_size = 16777216, store_rejects = true,"
            f" rejects_table = 'rejects_{number}', rejects_scan = 'scan_{number}')",
        )
        known, is_open = len(self.rejected), False
        for line, kind, more in self.connection.execute(
            "SELECT line, FIRST(error_type), BOOL_OR(CONTAINS(RTRIM(csv_line, CHR(13) || CHR(10)),"
            f" CHR(10))) FROM rejects_{number} GROUP BY line ORDER BY line"
        ).fetchall():
            what = kind.replace("_", " ").lower()
            fault = f"not {len(names_there)} columns" if "COLUMNS" in kind else what
            if more and kind == "UNQUOTED VALUE":
                fault, is_open = "a quotation mark is not closed", True
            self.rejected.append(BadLine(file.path, int(line), fault))
        if file.quote:
            [(rows,)] = self.connection.execute(
                f"SELECT COUNT(*) FROM raw WHERE file = {number}"
            ).fetchall()
            rows += len(self.rejected) - known + (not file.names)
            inside = lines_inside_cells(clean.path, rows)
            if is_open:  # the database keeps only the beginning of what was not closed
                self.lost += inside
            elif inside:
                self.notes.append(
                    f"{file.path.name}: {inside:,} lines are inside of cells in quotation marks; "
                    "if its texts have no line breaks, a mark is missing"
                )
        return clean.path

    def _insert(
        self,
        file: File,
        number: int,
        relation: str,
        types: Mapping[str, str] = {},
        texts: Mapping[str, str] = {},
        json: bool = False,
    ) -> None:
        named = file.columns.named
        items = []
        for role in ROLES:
            name = named.get(role)
            if name is None:
                constant = literal(file.kind) if role == "kind" and file.kind else "NULL"
                items.append(f"{constant} AS {quoted(role)}")
            elif json:
                items.append(f"{quoted(name)} ->> '$' AS {quoted(role)}")
            else:
                items.append(f"{texts.get(name, _as_text(name))} AS {quoted(role)}")
        for role in ("user", "item"):
            name = named[role]
            if json:
                form = (
                    f"CASE json_type({quoted(name)}) WHEN 'VARCHAR' THEN 't' WHEN 'UBIGINT' THEN"
                    f" 'n' WHEN 'BIGINT' THEN 'n' WHEN 'HUGEINT' THEN 'n' WHEN 'UHUGEINT' THEN 'n'"
                    f" WHEN 'DOUBLE' THEN 'n' WHEN 'NULL' THEN NULL ELSE 'x' END"
                )
            else:
                form = literal(types[name]) if name in types else "NULL"
            items.append(f"{form} AS {role}_type")
        self.connection.execute(
            f"INSERT INTO raw BY NAME SELECT {number} AS file, ROW_NUMBER() OVER () - 1 AS place,"
            f" {', '.join(items)} FROM {relation}"
        )


def _types(file: File, relation: duckdb.DuckDBPyRelation) -> tuple[dict[str, str], dict[str, str]]:
    """Of the ids' columns 'n' or 't'; and how a column becomes text where a cast is not it."""
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    types: dict[str, str] = {}
    texts: dict[str, str] = {}
    for role, name in file.columns.named.items():
        kind, column = kinds[name], quoted(name)
        if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP", "BLOB", "UNION")):
            raise InputError(f"{file.path}: column {name!r} holds {kind}, not one value a row")
        if kind.startswith(("TIMESTAMP", "DATE")):
            cast = "TIMESTAMPTZ" if "TIME ZONE" in kind else "TIMESTAMP"
            moment = f"CAST({column} AS {cast})"
            texts[name] = f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
        elif kind in ("DOUBLE", "FLOAT"):
            texts[name] = (
                f"CASE WHEN ABS({column}) <= 9007199254740992 AND {column} = TRUNC({column})"
                f" THEN CAST(CAST({column} AS BIGINT) AS VARCHAR)"
                f" ELSE CAST({column} AS VARCHAR) END"
            )
        if role in ("user", "item"):
            types[name] = "t" if kind == "VARCHAR" or kind.startswith("ENUM") else "n"
    return types, texts


def _as_text(name: str) -> str:
    return f"CAST({quoted(name)} AS VARCHAR)"


def _renamed(file: File, cells: dict[str, str]) -> Columns:
    return replace(
        file.columns, **{role: cells[name] for role, name in file.columns.named.items()}
    )


def escaped(path: Path) -> str:
    """A path in which the database sees no pattern."""
    return glob.escape(str(path))


def open_staged(scratch: Path) -> Staged:
    """A database in `scratch`, on the disk, with an empty table `raw`."""
    connection = duckdb.connect(str(scratch / "import.duckdb"))
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET TimeZone = 'UTC'")
    macros = Path(__file__).parents[1]
    connection.execute((macros / "tables/sql/table_values.sql").read_text())
    connection.execute((macros / "importing/sql/import_values.sql").read_text())
    connection.execute(_CREATE)
    return Staged(connection, scratch)


def check_names(file: File, there: Sequence[str]) -> None:
    """Raises InputError where a column is not there, as where a file has lost its header."""
    for name in file.columns.named.values():
        if name not in there:
            raise InputError(
                f"{file.path}: no column {name!r} in its first line, which has "
                f"{', '.join(there)[:80]}: put the header back"
            )


def columns_of(path: Path, layout: str, delimiter: str = ",") -> list[str]:
    """The columns of a file with a header, of Parquet, or of the first objects of JSON Lines."""
    if layout == "parquet":
        if packing_of(path) != "parquet":
            raise InputError(f"{path} is not Parquet")
        try:
            with duckdb.connect() as connection:
                return list(connection.read_parquet(escaped(path)).columns)
        except duckdb.Error as error:
            raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if layout == "jsonl":
        rows = first_objects(head_of(path))
        if not rows:
            raise InputError(f"{path}: its lines are no objects of JSON")
        return list(dict.fromkeys(name for row in rows for name in row))
    return list(csv_header(path, delimiter))
