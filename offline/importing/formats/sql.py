"""A table of a SQL database, filtered, or a query: PostgreSQL, DuckDB, SQLite."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from offline.databases.base import Database
from offline.databases.connect import file_engine, open_database
from offline.errors import InputError
from offline.importing.bounds import Bounds, read_bounded
from offline.importing.described import described_items
from offline.importing.guess import complete
from offline.importing.source import Columns, DataFormat, File, Source

_DEFAULT = "ratings"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is read of a database."""

    table: str | None = None
    """None: `ratings`, or the one table that there is."""
    query: str | None = None
    """In place of a table."""
    bounds: Bounds = field(default_factory=Bounds)
    without: tuple[str, ...] = ()
    """Roles for which no column is taken."""


class Sql(DataFormat):
    """A table or a query; the value of a user and an item is the mean of their rows."""

    name = "sql"
    generic = True
    about = "a table of PostgreSQL (postgresql://...), or of a file of DuckDB or SQLite"

    def __init__(self, selection: Selection | None = None) -> None:
        self._selection = selection or Selection()

    def recognises(self, source: Path) -> bool:
        return source.is_file() and file_engine(source) is not None

    def open(self, source: Path | str, columns: Columns) -> Source:
        self._selection.bounds.check()
        if self._selection.table is not None and self._selection.query is not None:
            raise InputError("--table and --query are two sources: give one")
        if isinstance(source, Path) and source.is_dir():
            raise InputError(f"{source} is a directory: name the file of the database")
        with open_database(source) as database:
            return self._read(database, columns)

    def _read(self, database: Database, asked: Columns) -> Source:
        name, relation = self._relation(database)
        path = Path(f"{database.shown}:{name}")
        kinds = database.columns(relation)
        folded = {column.lower(): column for column in kinds}
        resolved = {
            role: column if column in kinds else folded.get(column.lower(), column)
            for role, column in asked.named.items()
        }
        found, guessed = complete(path, list(kinds), Columns(**resolved))
        found = replace(found, **dict.fromkeys(self._selection.without))
        notes = []
        if told := ", ".join(
            f"{role} = {column}" for role, column in found.named.items() if role in guessed
        ):
            notes.append(f"columns guessed by their names: {told}")
        bounded = read_bounded(database, relation, kinds, found, self._selection.bounds)
        items, more = described_items(database, found.named["item"])
        kind = None if found.value else "interaction"
        file = File(
            path=path, layout="table", table=bounded.table, columns=bounded.columns, kind=kind
        )
        return Source(
            files=(file,),
            items=items,
            notes=(*notes, *bounded.notes, *more),
            selection=bounded.steps,
        )

    def _relation(self, database: Database) -> tuple[str, str]:
        """The name of what is read, and what stands behind FROM."""
        if self._selection.query is not None:
            return "query", database.subquery(self._selection.query)
        name = self._selection.table
        if name is None:
            there = database.tables()
            name = _DEFAULT if len(there) != 1 else next(iter(there))
            if name not in {each.lower() for each in there} | set(there):
                raise InputError(
                    f"{database.shown}: no table is called {_DEFAULT}: say which with --table; "
                    f"{database.tables_told()}"
                )
        return name, database.table(name)
