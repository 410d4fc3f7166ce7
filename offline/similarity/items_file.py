"""What a CSV file says of items: id, title, description, tags."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from offline.errors import InputError, check_regular

_NAMES = {
    "id": ("id", "item", "item_id", "movieid", "book_id"),
    "title": ("title", "name"),
    "description": ("description",),
    "tags": ("tags", "genres"),
}
"""Names of columns, whatever their case, the first that is there."""
NO_TAGS = "(no genres listed)"


class Item(NamedTuple):
    """A row of the file."""

    id: str
    text: str
    """Title, description and tags, those that are there."""
    tags: tuple[str, ...]
    """Separated by | in the file."""


def read_items(path: Path) -> list[Item]:
    """The items of a CSV file with a header, by id as text.

    Raises InputError for a file that cannot be read, one without a column of ids or without any
    other, a row without an id and an id that is there twice; names the line.
    """
    check_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(_items(path, csv.reader(file)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: {error.reason}") from error
    except csv.Error as error:
        raise InputError(f"{path}: not CSV: {error}") from error
    if not found:
        raise InputError(f"{path}: it has no items")
    return found


def _items(path: Path, lines: Iterable[list[str]]) -> Iterable[Item]:
    rows = iter(lines)
    header = [name.strip().lower() for name in next(rows, [])]
    place = {
        what: next((header.index(name) for name in names if name in header), None)
        for what, names in _NAMES.items()
    }
    key = place.pop("id")
    if key is None or all(at is None for at in place.values()):
        raise InputError(
            f"{path}: its columns are {', '.join(header) or 'none'}: expected an id "
            f"({', '.join(_NAMES['id'])}) and one of title, description, tags"
        )
    lines_of: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) != len(header) or not row[key].strip():
            raise InputError(f"{path}: row {number}: expected {len(header)} fields, with an id")
        own = row[key].strip()
        if own in lines_of:
            raise InputError(f"{path}: row {number}: item {own} is in row {lines_of[own]} already")
        lines_of[own] = number
        said = {what: "" if at is None else row[at].strip() for what, at in place.items()}
        listed = [] if said["tags"] == NO_TAGS else said["tags"].split("|")
        tags = tuple(dict.fromkeys(tag.strip() for tag in listed if tag.strip()))
        text = "\n".join(part for part in (said["title"], said["description"], *tags) if part)
        yield Item(own, text, tags)
