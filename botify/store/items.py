"""Items and their lists in Redis, by the owner's ids: one server-side script per request."""

from collections.abc import Callable, Collection, Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from botify.config import POPULAR_LIST
from botify.config.shop import ITEM_LIST
from botify.store.client import Connections, Script, script_text, store_errors
from botify.store.item_candidates import (
    CandidateQuery,
    Candidates,
    OfRecent,
    candidate_arguments,
    details_of,
    joined,
    unpack_candidates,
)
from botify.store.item_filter import ANY_ITEM, ItemFilter
from botify.store.keys import SHOP_BOUGHT, SHOP_EVENTS, SHOP_ITEMS, SHOP_KEYS, SHOP_OFFERS
from botify.store.visitor_events import DAY_MS, RecentEvent, unpack_recent

if TYPE_CHECKING:
    import redis

_DOUBLE = Struct("<d")
_KEYS = (SHOP_KEYS.lists, SHOP_OFFERS, SHOP_ITEMS)


class Source(NamedTuple):
    """A place to look for items."""

    answers_as: str
    """Name of the source in answers and in the log."""
    lists: tuple[tuple[str, str], ...]
    """Name and owner of each list; of several, items are taken in turns."""
    recent: OfRecent | None = None
    """Further lists, of what the visitor did last; those items themselves are not answered."""


class TopItems(NamedTuple):
    """Items, best first."""

    items: list[str]
    scores: list[float | None]
    """As in the list that the item was taken from; None where that has none."""
    sources: list[str]
    version: str | None
    """Of the first list that was looked up."""
    recent: tuple[RecentEvent, ...] = ()
    """The visitor's last events, newest first, as of the same moment."""
    categories: Sequence[str] = ()
    """Of each item, "" where it has none, if they were asked for; else empty."""


def pack_items(items: Collection[str], scores: Sequence[float] | None) -> bytes:
    """A list as top_items.lua reads it."""
    ids = "".join([f"{item}\n" for item in items]).encode()
    packed = b"" if scores is None else Struct(f"<{len(scores)}d").pack(*scores)
    return b"%b\0%b" % (ids, packed)


def unpack_items(packed: bytes) -> tuple[list[str], list[float | None]]:
    """Items and scores: the inverse of `pack_items`."""
    ids, _, scores = packed.partition(b"\0")
    items = ids.decode().split("\n")[:-1]
    if not scores:
        return items, [None] * len(items)
    return items, list(Struct(f"<{len(items)}d").unpack(scores))


class ItemStore:
    """Looks items up; holds no state of its own."""

    def __init__(self, client: "redis.Redis", bought_days: float = 30.0) -> None:
        """`bought_days`: for so long, what a visitor bought is not among the items found."""
        self._client = client
        connections = Connections(client)
        shared = "".join(
            (
                f"local BOUGHT_MS = {int(bought_days * DAY_MS)}\n",
                script_text("item_fields"),
                script_text("shop_lists"),
            )
        )
        self._top_items = Script(connections, shared + script_text("top_items"))
        self._candidates = Script(connections, shared + script_text("item_candidates"))
        self._item = Script(connections, script_text("item"))

    def top(
        self,
        most: int,
        sources: Sequence[Source],
        exclude: Collection[str] = (),
        *,
        user: str = "",
        recent: int = 0,
        within: ItemFilter = ANY_ITEM,
        categories: bool = False,
    ) -> TopItems:
        """The first `most` items of the sources, one after the other. Raises StoreError.

        Items that are not in the catalog (any more), hidden, out of stock, not `within`, excluded,
        bought by `user` a short time ago, or in an earlier source are left out. In the same round
        trip come up to `recent` of the last events of `user`, who must be named for sources of
        recent events too, and with `categories` the category of each item.
        """
        arguments: list[Any] = [*within.arguments(), most, recent]
        arguments += ("categories" if categories else "", joined(exclude))
        for source in sources:
            arguments.append(len(source.lists))
            for name, owner in source.lists:  # a tuple of another length is an error of a plug-in
                arguments += (name, owner)
            of = source.recent
            if of is None:
                arguments += (0, "", "")
            else:
                arguments += (of.most, of.name, "".join([f"{kind}\n" for kind in of.kinds]))
        version, events, *found = self._top_items(_keys_of(user), arguments)
        step = 4 if categories else 3
        return TopItems(
            [item.decode() for item in found[1::step]],
            [_DOUBLE.unpack(score)[0] if score else None for score in found[2::step]],
            [sources[number].answers_as for number in found[::step]],
            version.decode() or None,
            unpack_recent(events),
            [category.decode() for category in found[3::step]] if categories else (),
        )

    def candidates(
        self,
        query: CandidateQuery,
        user: str,
        exclude: Collection[str] = (),
        within: ItemFilter = ANY_ITEM,
        categories: bool = False,
    ) -> Candidates:
        """The items of several lists, list by list, and the last events of `user`.

        Items that may not be offered, or not to `user`, that are not `within`, or are excluded
        are left out. With `categories`, the category of each item. Raises StoreError.
        """
        arguments = candidate_arguments(query, exclude, within, categories)
        return unpack_candidates(self._candidates(_keys_of(user), arguments), categories)

    def recent(self, user: str, most: int) -> tuple[RecentEvent, ...]:
        """Up to `most` of the last events of a visitor, newest first. Raises StoreError."""
        return self.top(0, (), user=user, recent=most).recent

    def item(self, item: str) -> dict[str, Any] | None:
        """The item with all changes; None if there is none. Raises StoreError."""
        known, changes = self._item((SHOP_KEYS.lists, SHOP_ITEMS), (item,))
        return details_of(item, known, changes)

    def n_items(self, version: str) -> int:
        """How many items this version of the list `items` has. Raises StoreError."""
        with store_errors():
            found: Any = self._client.hlen(f"{SHOP_KEYS.lists}:{ITEM_LIST}:{version}")
            return int(found)

    def probe(self) -> None:
        """Check that requests can be answered, by their script. Raises StoreError."""
        self.top(0, ())


def _keys_of(user: str) -> tuple[str, ...]:
    return (*_KEYS, *((f"{SHOP_EVENTS}{user}", f"{SHOP_BOUGHT}{user}") if user else ("", "")))


class PopularItems:
    """Answers while Redis is unavailable: the popular items, from this worker's memory."""

    def __init__(self, packed: bytes, flush: Callable[[], None] = lambda: None) -> None:
        """`packed` by `pack_items`. `flush()` gives Redis what it missed."""
        self._flush_events = flush
        self._barred: frozenset[str] = frozenset()
        self.popular = packed

    @property
    def popular(self) -> bytes:
        """The popular items, packed; may be replaced at any time."""
        return self._packed

    @popular.setter
    def popular(self, packed: bytes) -> None:
        self._packed = packed
        self._items = list(zip(*unpack_items(packed), strict=True))

    def top(self, most: int, exclude: Collection[str]) -> Iterator[tuple[str, float | None]]:
        """Up to `most` items with their scores, best first, without the excluded ones, and those
        that were hidden or sold out when Redis was last asked."""
        left = most
        for item, score in self._items:
            if left <= 0:
                return
            if item not in exclude and item not in self._barred:
                left -= 1
                yield item, score

    def flush(self, store: ItemStore) -> None:
        """Give Redis what it missed, and see which items may be offered. Raises StoreError."""
        self._flush_events()
        items = dict(self._items)
        if items:
            found = store.top(len(items), (Source("", ((POPULAR_LIST, ""),)),))
            self._barred = frozenset(items.keys() - set(found.items))
