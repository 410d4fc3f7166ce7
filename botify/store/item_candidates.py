"""Candidates: the items of several lists, each with its place, for a recommender that merges."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

import orjson

from botify.store.item_filter import ItemFilter
from botify.store.visitor_events import RecentEvent, unpack_recent


class OfRecent(NamedTuple):
    """Lists of the items of the visitor's last events, newest first; the script looks them up."""

    name: str
    """Name of the lists."""
    most: int
    """How many items."""
    kinds: tuple[str, ...]
    """The kinds of event that count."""


class CandidateQuery(NamedTuple):
    """Which lists to read."""

    lists: tuple[tuple[str, str], ...]
    """Name and owner of each."""
    recent: OfRecent | None = None
    """Further lists."""
    depth: int = 30
    """How many items of each list at most."""


class CandidateList(NamedTuple):
    """Items of one list that may be offered, best first."""

    name: str
    owner: str
    items: list[str]
    scores: list[float | None]
    """As the list has them; None where it has none."""


class Candidates(NamedTuple):
    """What was found, all as of one moment."""

    lists: list[CandidateList]
    """In the order of the query, those of the last events last; lists that there are not are left
    out."""
    recent: tuple[RecentEvent, ...]
    """The visitor's last events, newest first."""
    items: Mapping[str, str]
    """All items of the lists and of the last events that may be offered, each with its category:
    "" where it has none, or categories were not asked for."""
    version: str | None
    """Of the first list that was looked up."""


def candidate_arguments(
    query: CandidateQuery, exclude: Collection[str], within: ItemFilter, categories: bool
) -> list[Any]:
    """The arguments of item_candidates.lua."""
    of = query.recent or OfRecent("", 0, ())
    kinds = "".join([f"{kind}\n" for kind in of.kinds])
    arguments: list[Any] = [*within.arguments(), query.depth, "categories" if categories else ""]
    arguments += (of.most, of.name, kinds, joined(exclude))
    for name, owner in query.lists:
        arguments += (name, owner)
    return arguments


def joined(ids: Iterable[str]) -> str:
    """Ids as scripts read them."""
    return "".join([f"{one}\n" for one in ids])


def unpack_candidates(reply: Sequence[Any], categories: bool) -> Candidates:
    """The reply of item_candidates.lua."""
    version, events, found, known, of_known = reply
    lists = []
    for name, owner, ids, packed in zip(*(found[i::4] for i in range(4)), strict=True):
        items = _split(ids)
        scores: list[float | None] = [None] * len(items)
        if packed:
            scores = list(Struct(f"<{len(items)}d").unpack(packed))
        lists.append(CandidateList(name.decode(), owner.decode(), items, scores))
    may = _split(known)
    if categories and may:
        of_items = dict(zip(may, of_known.decode().split("\n"), strict=True))
    else:
        of_items = dict.fromkeys(may, "")
    return Candidates(lists, unpack_recent(events), of_items, version.decode() or None)


def _split(ids: bytes) -> list[str]:
    return ids.decode().split("\n") if ids else []


def details_of(item: str, known: bytes, changes: Sequence[bytes]) -> dict[str, Any] | None:
    """What the catalog says of an item (b"": nothing), with its changes: names, values in turns.

    None if there is no such item, or it was deleted.
    """
    fields: dict[str, Any] = orjson.loads(known) if known else {}
    deleted = changed = False
    for name, value in zip(changes[::2], changes[1::2], strict=True):
        if name:
            changed = True
            fields[name.decode()] = orjson.loads(value.partition(b":")[2])
        else:
            deleted = True
    if not changed and (deleted or not known):
        return None
    fields["item"] = item
    return fields
