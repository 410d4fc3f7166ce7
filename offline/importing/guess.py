"""Guesses: which column is what, by its name; what separates the cells of a text."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from offline.errors import InputError
from offline.importing.clean_text import head_of
from offline.importing.source import Columns

_DELIMITERS = (",", "\t", ";", "|")
_NAMES: dict[str, tuple[str, ...]] = {
    "user": (
        *("userid", "user", "uid", "usrid", "username", "visitorid", "visitor", "customerid"),
        *("customer", "reviewerid", "memberid", "member", "accountid", "clientid", "buyerid"),
        *("listenerid", "listener", "readerid", "playerid", "profileid", "sessionid", "session"),
    ),
    "item": (
        *("itemid", "item", "iid", "movieid", "movie", "filmid", "film", "trackid", "track"),
        *("songid", "song", "artistid", "artist", "bookid", "book", "isbn", "productid"),
        *("product", "sku", "asin", "parentasin", "articleid", "article", "newsid", "gameid"),
        *("animeid", "recipeid", "venueid", "placeid", "locationid", "businessid", "contentid"),
        *("showid", "postid", "courseid", "jobid", "stockcode"),
    ),
    "value": (
        *("rating", "stars", "score", "overall", "value", "weight", "playcount", "plays"),
        *("listens", "count", "preference", "strength"),
    ),
    "time": (
        *("timestamp", "time", "ts", "datetime", "date", "unixreviewtime", "eventtime"),
        *("createdat", "created", "ratedat", "timestampms", "interactiontime", "ratingtimestamp"),
        *("reviewtime", "invoicedate", "orderdate", "purchasedate", "orderedat", "purchasedat"),
        *("boughtat", "watchedat", "playedat", "listenedat", "viewedat", "clickedat", "when"),
    ),
    "kind": (
        *("event", "eventtype", "kind", "action", "actiontype", "behavior", "behaviour"),
        *("behaviortype", "interactiontype", "interaction"),
    ),
    "title": (
        *("title", "name", "itemname", "itemtitle", "productname", "producttitle", "movietitle"),
        *("tracktitle", "trackname", "songname", "booktitle", "artistname", "description"),
        *("itemdescription", "productdescription"),
    ),
}
_ITEM_ID = ("id", "itemid", "productid", "movieid")


def csv_header(path: Path, delimiter: str) -> tuple[str, ...]:
    """The names in the first line. Raises InputError where it is empty or missing."""
    reader = csv.reader(io.StringIO(head_of(path), newline=""), delimiter=delimiter)
    names = tuple(name.strip() for name in next((row for row in reader if row), []))
    if not any(names):
        raise InputError(f"{path}: the file is empty: its first line must have the names")
    return names


def delimiter_of(path: Path) -> str:
    """What separates the cells of a text with a header: what gives most columns."""
    text = head_of(path)
    first = text.splitlines()[0] if text.strip() else ""
    if "::" in first:
        return "::"
    widths = {}
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(first), delimiter=delimiter)
        widths[delimiter] = len(next(reader, []))
    return max(_DELIMITERS, key=lambda delimiter: widths[delimiter])


def has_header(names: Sequence[str]) -> bool:
    """Whether these are names: no cell of a first line of rows is free of numbers."""
    return not any(re.fullmatch(r"-?[0-9.]+", name) for name in names)


def complete(path: Path, there: Sequence[str], asked: Columns) -> tuple[Columns, list[str]]:
    """Columns for every role that has one; and the roles that were guessed.

    Raises InputError where a named column is not there, one has two roles, or there is no user or
    no item.
    """
    for role, name in asked.named.items():
        if name not in there:
            near = get_close_matches(name, there, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(
                f"{path}: no column {name!r} (--{role}-column); {meant}it has {', '.join(there)}"
            )
    found = dict(asked.named)
    plain = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in there}
    guessed = []
    for role, known in _NAMES.items():
        if role in found:
            continue
        taken = set(found.values())
        free = [name for name in there if name not in taken and plain[name] in known]
        if free:
            found[role] = min(free, key=lambda name: known.index(plain[name]))
            guessed.append(role)
    for role in ("user", "item"):
        if role not in found:
            raise InputError(
                f"{path}: no column has a name of {'users' if role == 'user' else 'items'}: say "
                f"which with --{role}-column; it has {', '.join(there)}"
            )
    for role, name in found.items():
        others = [other for other, same in found.items() if same == name and other != role]
        if others:
            raise InputError(f"{path}: column {name!r} cannot be {role} and {others[0]} at once")
    return replace(Columns(), **found), guessed


def item_columns(path: Path, there: Sequence[str], id_name: str | None) -> Columns:
    """The id and the title of a file of items. Raises InputError where there is no id."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in there}
    known = dict.fromkeys((*_ITEM_ID, *_NAMES["item"]))
    own = id_name if id_name in there else None
    found = own or next((plain[name] for name in known if name in plain), None)
    if found is None:
        raise InputError(f"{path}: no column is an item's id; it has {', '.join(there)}")
    title = next((plain[name] for name in _NAMES["title"] if name in plain), None)
    return Columns(item=found, title=None if title == found else title)
