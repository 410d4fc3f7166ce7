"""The items of a database, with titles and links, where it has tables of them."""

from pathlib import Path

import pyarrow as pa

from offline.databases.base import Database
from offline.importing.source import Columns, File

_LINKED = ("imdbid", "tmdbid")


class _Table:
    """A table, with the cells of its columns by their names in small letters."""

    def __init__(self, database: Database, name: str, sql: str) -> None:
        self.name = name
        self.source = f"{sql} AS {name}"
        columns = {column.lower(): column for column in database.columns(sql)}
        self.cells = {low: f"{name}.{database.quoted(each)}" for low, each in columns.items()}


def described_items(database: Database, item: str) -> tuple[File | None, tuple[str, ...]]:
    """Items with their titles, and what to tell of them; None where no table has titles.

    Parameters
    ----------
    database : Database
    item : str
        The column of items, which `movies` (or `items`) and `links` have as well. Without `movies`
        titles come from `movies_metadata`, whose ids are those of `links.tmdbid`.
    """
    own = item.lower()
    there = {name.lower(): sql for name, sql in database.tables().items()}
    tables = {
        name: _Table(database, name, there[name])
        for name in ("movies", "items", "movies_metadata", "links")
        if name in there
    }
    links = tables.pop("links", None)
    if links is not None and own not in links.cells:
        links = None
    for table in tables.values():
        cells = dict(table.cells)
        if "title" not in cells:
            continue
        if own in cells:
            key, source = cells.pop(own), table.source
            if links is not None:
                source += f" LEFT JOIN {links.source} ON {_same(links.cells[own], key)}"
        elif links is not None and "id" in cells and "tmdbid" in links.cells:
            key = links.cells[own]
            on = _same(links.cells["tmdbid"], cells["id"])
            source = f"{links.source} JOIN {table.source} ON {on}"
        else:
            continue
        if links is not None:
            cells |= {
                name: links.cells[name]
                for name in _LINKED
                if name in links.cells and name not in cells
            }
        listed = "".join(f", {cell} AS {database.quoted(name)}" for name, cell in cells.items())
        query = f"SELECT {key} AS {database.quoted(item)}{listed} FROM {source} ORDER BY {key}"
        batches = list(database.batches(query))
        if not batches:
            return None, (f"the table {table.name} has no rows: items have no titles",)
        rows = pa.concat_tables(
            [pa.Table.from_batches([batch]) for batch in batches], promote_options="permissive"
        )
        columns = Columns(item=item, title="title")
        path = Path(f"{database.shown}:{table.name}")
        with_links = " with ids of the table links" if links is not None else ""
        told = f"titles from the table {table.name}{with_links}"
        return File(path=path, layout="table", table=rows, columns=columns), (told,)
    return None, ()


def _same(one: str, other: str) -> str:
    """Whether two ids are the same, of which one may be a number and the other a text."""
    return f"CAST({one} AS TEXT) = CAST({other} AS TEXT)"
