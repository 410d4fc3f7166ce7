"""Items and their lists in Redis, by the owner's ids: one server-side script per request."""

from collections.abc import Collection, Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from botify.store.client import Connections, Script, script_text
from botify.store.keys import SHOP_KEYS

if TYPE_CHECKING:
    import redis

_DOUBLE = Struct("<d")


class Source(NamedTuple):
    """A place to look for items."""

    answers_as: str
    """Name of the source in answers and in the log."""
    lists: tuple[tuple[str, str], ...]
    """Name and owner of each list; of several, items are taken in turns."""


class TopItems(NamedTuple):
    """Items, best first."""

    items: list[str]
    scores: list[float | None]
    """As in the list that the item was taken from; None where that has none."""
    sources: list[str]
    version: str | None
    """Of the first list that was looked up."""


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

    def __init__(self, client: "redis.Redis") -> None:
        connections = Connections(client)
        self._top_items = Script(connections, script_text("top_items"))
        self._item = Script(connections, script_text("item"))
        self._keys = (SHOP_KEYS.lists,)

    def top(self, most: int, sources: Sequence[Source], exclude: Collection[str] = ()) -> TopItems:
        """The first `most` items of the sources, one after the other. Raises StoreError.

        Items that are not in the catalog (any more), excluded, or in an earlier source are left
        out.
        """
        arguments: list[Any] = [most, len(exclude), *exclude]
        for source in sources:
            arguments.append(len(source.lists))
            for name, owner in source.lists:  # a tuple of another length is an error of a plug-in
                arguments += (name, owner)
        version, *found = self._top_items(self._keys, arguments)
        return TopItems(
            [item.decode() for item in found[1::3]],
            [_DOUBLE.unpack(score)[0] if score else None for score in found[2::3]],
            [sources[number].answers_as for number in found[::3]],
            version.decode() or None,
        )

    def item(self, item: str) -> bytes | None:
        """The item as a JSON object; None if there is none. Raises StoreError."""
        found: bytes | None = self._item(self._keys, (item,))
        return found

    def probe(self) -> None:
        """Check that requests can be answered, by their script. Raises StoreError."""
        self.top(0, ())


class PopularItems:
    """Answers while Redis is unavailable: the popular items, from this worker's memory."""

    def __init__(self, packed: bytes) -> None:
        """By `pack_items`."""
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
        """Up to `most` items with their scores, best first, without the excluded ones."""
        left = most
        for item, score in self._items:
            if left <= 0:
                return
            if item not in exclude:
                left -= 1
                yield item, score

    def flush(self, store: ItemStore) -> None:
        """Nothing: what was answered without Redis is nowhere but in the log."""
