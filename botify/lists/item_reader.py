"""Files with owners' ids: read, checked line by line, packed for the store.

The rules are those of `contract.item_lists`, whose functions judge each line that a quick look
does not find in order: they name the fault, and would take too long for millions of lines.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from botify.errors import InputError
from botify.files.jsonlines import bounded_lines, encode, is_integer, read_bytes
from botify.files.reading import as_input_errors, open_regular
from botify.lists.reader import COUNT_KEY, EVERYONE, ListKind
from botify.store.items import pack_items
from contract import item_lists
from contract.errors import FormatError
from contract.ids import MAX_ID_CHARACTERS, NOT_IN_IDS
from contract.item_lists import MAX_ITEMS, ItemList
from contract.jsonlines import numbered_lines, parse_line
from contract.values import is_number

_OWNERS = {ListKind.USER_ITEMS: "user", ListKind.ITEM_NEIGHBOURS: "item", ListKind.ITEMS: "item"}
_PARSE: dict[ListKind, Callable[[object], tuple[str, ItemList]]] = {
    ListKind.USER_ITEMS: item_lists.parse_user_items,
    ListKind.ITEM_NEIGHBOURS: item_lists.parse_item_neighbours,
}
_NUMBERS = {int, float}


def read_item_lists(
    path: Path, kind: ListKind, length: int | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield (owner, packed items) for each list of a file, or (item, its JSON) of items.json.

    The owner of the popular items is EVERYONE. `length`: number of items that a user's list must
    have, and that any other may have at most. Neighbours of an item without any are left out.
    Raises InputError naming file and line. An owner that comes twice is not noticed here.
    """
    if kind is ListKind.POPULAR_ITEMS:
        yield EVERYONE, _popular(path, length)
        return
    count = written = 0
    for place, line in _lines(path):
        row = _row(line)
        if not count and kind is not ListKind.ITEMS and isinstance(row, dict):
            written = row.get(COUNT_KEY, 0)
        count += 1
        try:
            if kind is ListKind.ITEMS:
                yield _item(row, line)
                continue
            owner, packed, size = _quick(row, _OWNERS[kind]) or _parsed(kind, line)
            _check_length(size, length, exact=kind is ListKind.USER_ITEMS)
        except FormatError as error:
            raise InputError(f"{place}: {error}") from error
        if size:
            yield owner, packed
    if is_integer(written) and count < written:
        raise InputError(
            f"{path}: ends after {count:,} of {written:,} lists, as its first line says; "
            "copy it again when it is complete"
        )


def first_repeated(path: Path, kind: ListKind) -> str:
    """Where an owner comes for the second time, for a message."""
    owners: dict[str, int] = {}
    for number, line in _numbered(path):
        owner = str(parse_line(line).get(_OWNERS[kind]))
        if owner in owners:
            name = _OWNERS[kind]
            return (
                f"{path}:{number}: {name} {owner!r} is there twice, first in line {owners[owner]}"
            )
        owners[owner] = number
    return f"{path}: an owner of a list is there twice"


def first_with(path: Path, kind: ListKind, item: str) -> str:
    """Where a list has an item that is not in the catalog, for a message."""
    if kind is ListKind.POPULAR_ITEMS:  # one value, perhaps over several lines
        return str(path)
    for number, line in _numbered(path):
        row = parse_line(line)
        owner = row.get("item") if kind is ListKind.ITEM_NEIGHBOURS else None
        if item in map(str, (owner, *(row.get("items") or ()))):
            return f"{path}:{number}"
    return str(path)


def ids_in(kind: ListKind, owner: str, packed: bytes) -> list[bytes]:
    """The items that a row names, which must be in the catalog."""
    ids = packed.partition(b"\0")[0].split(b"\n")[:-1]
    return [owner.encode(), *ids] if kind is ListKind.ITEM_NEIGHBOURS else ids


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    with open_regular(path) as file, as_input_errors(path):
        yield from numbered_lines(bounded_lines(path, file))


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    for number, line in _numbered(path):
        yield f"{path}:{number}", line


def _row(line: bytes) -> Any:
    """The value of a line; None if only `parse_line` can tell."""
    try:
        return orjson.loads(line)
    except ValueError:  # with NaN, which pandas writes, or not JSON
        return None


def _quick(row: Any, owner_key: str) -> tuple[str, bytes, int] | None:
    """Owner, packed list and its size, if all is as writers should write it."""
    if not isinstance(row, dict):
        return None
    owner, items, scores = row.get(owner_key), row.get("items"), row.get("scores")
    if type(owner) is int:
        owner = str(owner)
    if type(owner) is not str or not _are_ids(1, owner, len(owner)):
        return None
    if not isinstance(items, list) or not 0 < len(items) <= MAX_ITEMS:
        return None
    if type(items[0]) is int:
        if set(map(type, items)) != {int}:
            return None
        items = list(map(str, items))
    distinct = set(items)
    try:
        joined = "\n".join(items)
        longest = max(map(len, items))
    except TypeError:
        return None
    if len(distinct) < len(items) or "" in distinct or (owner_key == "item" and owner in distinct):
        return None
    if not _are_ids(len(items), joined, longest):
        return None
    if scores is not None and (
        not isinstance(scores, list)
        or len(scores) != len(items)
        or not _NUMBERS.issuperset(map(type, scores))
        or not math.isfinite(sum(scores))
    ):
        return None
    return owner, pack_items(items, scores), len(items)


def _are_ids(count: int, joined: str, longest: int) -> bool:
    """Whether texts, joined by newlines, are ids; that none is empty is checked elsewhere."""
    return (
        0 < longest <= MAX_ID_CHARACTERS
        and joined.count("\n") == count - 1
        and not NOT_IN_IDS.search(joined.replace("\n", ""))
    )


def _parsed(kind: ListKind, line: bytes) -> tuple[str, bytes, int]:
    owner, (items, scores) = _PARSE[kind](parse_line(line))
    return owner, pack_items(items, scores), len(items)


def _item(row: Any, line: bytes) -> tuple[str, bytes]:
    # The row as it is, but for the id, which becomes text. What the service reads itself is
    # checked; other fields are the owner's business.
    item = row.get("item") if isinstance(row, dict) else None
    if type(item) is int:
        item = str(item)
    title = row.get("title") if isinstance(row, dict) else None
    quick = type(item) is str and _are_ids(1, item, len(item)) and isinstance(title, str | None)
    if not quick:
        item, title, fields = item_lists.parse_item(parse_line(line))
        row = {"item": item, "title": title or None, **fields}
    # First what scripts look for (item_fields.lua), so that they need not parse the rest.
    first = {name: row[name] for name in ("category", "price") if row.get(name) is not None}
    return str(item), _flags(row) + encode({**first, **row, "item": item})


def _flags(row: dict[str, Any]) -> bytes:
    """What the text of an item begins with: see `botify.store.keys`.

    Raises FormatError for values that would have no effect, such as the text "no".
    """
    for name in ("hidden", "available"):
        if row.get(name) not in (None, True, False):  # 1 and 0 count as such
            raise FormatError(f"`{name}` must be true or false, not {row[name]!r}")
    price = row.get("price")
    if price is not None and not is_number(price):
        raise FormatError(f"`price` must be a number, not {price!r}")
    hidden, available = row.get("hidden"), row.get("available")
    return b"\t" * (hidden in (True, 1)) + b" " * (available in (False, 0))


def _popular(path: Path, length: int | None) -> bytes:
    with as_input_errors(path):
        try:
            items, scores = item_lists.parse_popular(parse_line(read_bytes(path)))
            _check_length(len(items), length, exact=False)
        except FormatError as error:
            raise InputError(f"{path}: {error}") from error
    return pack_items(items, scores)


def _check_length(size: int, length: int | None, exact: bool) -> None:
    if length is not None and (size > length or (exact and size < length)):
        raise FormatError(
            f"`items` has {size:,} items; it must have {length:,}{'' if exact else ' at most'}"
        )
