"""Any table of interactions: CSV, Parquet, JSON Lines."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from offline.errors import InputError
from offline.importing.clean_text import head_of, packing_of
from offline.importing.guess import complete, delimiter_of, has_header
from offline.importing.source import Columns, DataFormat, File, Layout, Source
from offline.importing.stage import columns_of

_PACKED = (".gz", ".zst")


class _Table(DataFormat):
    generic = True
    layout: ClassVar[Layout]
    suffixes: ClassVar[tuple[str, ...]]

    def recognises(self, source: Path) -> bool:
        return bool(self._files(source))

    def open(self, source: Path, columns: Columns) -> Source:
        paths = self._files(source) if source.is_dir() else [source]
        if not paths:
            raise InputError(f"{source}: no file there ends in {' or '.join(self.suffixes)}")
        files = [self._file(path) for path in paths]
        there = self._columns(files[0])
        found, guessed = complete(paths[0], there, columns)
        for file in files[1:]:
            missing = set(found.named.values()) - set(self._columns(file))
            if missing:
                raise InputError(f"{file.path}: no column {min(missing)!r}, which {paths[0]} has")
        notes = []
        told = ", ".join(f"{role} = {found.named[role]}" for role in guessed)
        if guessed:
            notes.append(f"columns guessed by their names: {told}")
        unused = [name for name in there if name not in found.named.values()]
        if unused:
            notes.append(f"columns not used: {', '.join(unused)}")
        if others := sorted(set(source.iterdir()) - set(paths)) if source.is_dir() else []:
            many = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
            names = ", ".join(path.name for path in others[:3])
            notes.append(f"not read, as no {self.name}: {names}{many}")
        files = [dataclasses.replace(file, columns=found) for file in files]
        return Source(files=tuple(files), notes=tuple(notes))

    def _files(self, source: Path) -> list[Path]:
        found = sorted(source.iterdir()) if source.is_dir() else [source]
        return [path for path in found if path.is_file() and _suffix(path) in self.suffixes]

    def _file(self, path: Path) -> File:
        return File(path=path, layout=self.layout)

    def _columns(self, file: File) -> list[str]:
        return list(file.names) or columns_of(file.path, file.layout, file.delimiter)


class Csv(_Table):
    """Rows of cells, apart by commas, tabs, semicolons or bars; the first line names them."""

    name = "csv"
    about = (
        "a table of cells with a header: .csv, .tsv, .txt, also .gz or .zst, or a folder of them"
    )
    layout = "text"
    suffixes = (".csv", ".tsv", ".tab", ".txt", ".dat")

    def _file(self, path: Path) -> File:
        if packing_of(path) == "parquet":
            raise InputError(f"{path} is Parquet: --format parquet")
        delimiter = delimiter_of(path)
        names = (head_of(path).splitlines() or [""])[0].strip().split(delimiter)
        if delimiter == "::" or not has_header([name.strip(' "') for name in names]):
            return File(
                path=path,
                delimiter=delimiter,
                quote="" if delimiter == "::" else '"',
                names=tuple(str(place) for place in range(1, len(names) + 1)),
            )
        return File(path=path, delimiter=delimiter)

    def open(self, source: Path, columns: Columns) -> Source:
        first = (self._files(source) if source.is_dir() else [source])[:1]
        if first and self._file(first[0]).names and not (columns.user and columns.item):
            raise InputError(
                f"{first[0]}: its first line is no header: name the columns by their numbers, as "
                "in --user-column 1 --item-column 2 --value-column 3 --time-column 4"
            )
        return super().open(source, columns)


class Parquet(_Table):
    """Parquet files."""

    name = "parquet"
    about = "Parquet: .parquet, or a folder of them"
    layout = "parquet"
    suffixes = (".parquet", ".pq")

    def _file(self, path: Path) -> File:
        if packing_of(path) != "parquet":
            raise InputError(f"{path} is not Parquet")
        return super()._file(path)


class JsonLines(_Table):
    """An object of JSON a line."""

    name = "jsonl"
    about = "JSON Lines, an object a line: .jsonl, .ndjson, .json, also .gz or .zst"
    layout = "jsonl"
    suffixes = (".jsonl", ".ndjson", ".json")

    def open(self, source: Path, columns: Columns) -> Source:
        for path in self._files(source)[:1]:
            if head_of(path, 1 << 12).lstrip().startswith("["):
                raise InputError(
                    f"{path} is an array of JSON; an object a line is needed: jq -c '.[]' makes "
                    "lines of it"
                )
        return super().open(source, columns)


def _suffix(path: Path) -> str:
    name = path.with_suffix("") if path.suffix in _PACKED else path
    return name.suffix.lower()


def with_items(source: Source, path: Path, id_name: str | None, title: str | None) -> Source:
    """The same with a file of items, CSV, Parquet or JSON Lines. Raises InputError."""
    from offline.importing.guess import item_columns

    suffix = _suffix(path)
    kind = next(
        (each for each in (Parquet(), JsonLines(), Csv()) if suffix in each.suffixes), None
    )
    if not path.is_file() or kind is None:
        raise InputError(f"{path}: no such file of items, .csv, .jsonl or .parquet")
    file = kind._file(path)
    there = kind._columns(file)
    columns = item_columns(path, there, id_name)
    if title is not None:
        if title not in there:
            raise InputError(f"{path}: no column {title!r}; it has {', '.join(there)}")
        columns = dataclasses.replace(columns, title=title)
    told = f"{path.name}: id = {columns.item}, title = {columns.title or 'none'}"
    file = dataclasses.replace(file, columns=columns)
    return dataclasses.replace(source, items=file, notes=(*source.notes, told))
