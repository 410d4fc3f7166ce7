"""A database by its URL, or by the path of its file."""

from pathlib import Path

from offline.databases.base import Database
from offline.errors import InputError

_SUFFIXES = {
    ".duckdb": "duckdb",
    ".ddb": "duckdb",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
_SCHEMES = ("postgresql://", "postgres://")


def is_server(source: str | Path) -> bool:
    """Whether this is the URL of a PostgreSQL server."""
    return str(source).startswith(_SCHEMES)


def file_engine(path: Path) -> str | None:
    """The engine of a file that is there, by its first bytes: `sqlite`, `duckdb` or None."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return None
    if start == b"SQLite format 3\0":
        return "sqlite"
    return "duckdb" if start[8:12] == b"DUCK" else None


def open_database(source: str | Path, *, writes: bool = False) -> Database:
    """Connect to a database, to read it, or to write to it where it `writes`.

    `source` is the URL of a PostgreSQL server, postgresql://USER:PASSWORD@HOST:PORT/NAME, or the
    path of a file of DuckDB or SQLite; one that is written to may be new, and its suffix says of
    which engine it is to be. Raises InputError where there is none, or it refuses.
    """
    if is_server(source):
        try:
            from offline.databases.postgres import Postgres
        except ModuleNotFoundError as error:
            raise InputError("PostgreSQL needs psycopg: pip install 'botify[stores]'") from error
        return Postgres(str(source), writes=writes)
    path = Path(source)
    if "://" in str(source):
        raise InputError(
            f"{str(source).partition('://')[0]}:// is no database that is known: "
            "postgresql://USER@HOST/NAME, or the path of a file of DuckDB or SQLite"
        )
    if path.is_file() and path.stat().st_size:
        engine = file_engine(path)
        if engine is None:
            raise InputError(f"{path} is no file of DuckDB or SQLite")
    elif not writes:
        raise InputError(f"{path}: no such file of a database")
    else:
        engine = _SUFFIXES.get(path.suffix.lower())
        if engine is None:
            raise InputError(f"{path}: its suffix tells no engine: name it .duckdb, or .sqlite")
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: no such directory")
    if engine == "duckdb":
        from offline.databases.duck import Duck

        return Duck(path, writes=writes)
    from offline.databases.sqlite import Sqlite

    return Sqlite(path, writes=writes)
