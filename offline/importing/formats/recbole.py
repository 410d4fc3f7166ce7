"""RecBole's atomic files: NAME.inter, NAME.item; a header names each column and its type."""

import re
from pathlib import Path

from offline.errors import InputError
from offline.importing.guess import complete, csv_header, item_columns
from offline.importing.source import Columns, DataFormat, File, Source

_PARTS = ("train", "valid", "test")


class RecBole(DataFormat):
    """A folder of atomic files, or the .inter file."""

    name = "recbole"
    generic = True
    about = "RecBole atomic files: NAME.inter (or .train.inter, .test.inter ...), NAME.item"
    home = "a folder of them has a file that ends in .inter"

    def recognises(self, source: Path) -> bool:
        return bool(self._files(source))

    def open(self, source: Path, columns: Columns) -> Source:
        paths = self._files(source)
        if not paths:
            raise InputError(f"{source}: no file ends in .inter")
        names = self._names(paths[0])
        asked = Columns(**{role: names.get(name, name) for role, name in columns.named.items()})
        found, guessed = complete(paths[0], list(names), asked)
        typed = Columns(**{role: names[name] for role, name in found.named.items()})
        files = tuple(
            File(path=path, delimiter="\t", quote="", columns=typed, kind=_part(path))
            for path in paths
        )
        told = ", ".join(f"{role} = {found.named[role]}" for role in guessed)
        described = paths[0].with_name(re.sub(r"(\.\w+)?\.inter$", ".item", paths[0].name))
        return Source(
            files=files,
            items=self._items(described, found.item) if described.is_file() else None,
            notes=(f"columns guessed by their names: {told}",) if told else (),
        )

    def _items(self, path: Path, id_name: str | None) -> File:
        names = self._names(path)
        found = item_columns(path, list(names), id_name)
        title = found.title or next((name for name in names if name.endswith("title")), None)
        assert found.item is not None
        columns = Columns(item=names[found.item], title=None if title is None else names[title])
        return File(path=path, delimiter="\t", quote="", columns=columns)

    def _names(self, path: Path) -> dict[str, str]:
        """The columns as they are called, by their names without a type."""
        return {name.partition(":")[0]: name for name in csv_header(path, "\t")}

    def _files(self, source: Path) -> list[Path]:
        if not source.is_dir():
            return [source] if source.suffix == ".inter" else []
        found = sorted(source.glob("*.inter"))
        whole = [path for path in found if _part(path) is None]
        return whole[:1] or [path for path in found if _part(path)]


def _part(path: Path) -> str | None:
    part = path.suffixes[-2][1:] if len(path.suffixes) > 1 else ""
    return part if part in _PARTS else None
