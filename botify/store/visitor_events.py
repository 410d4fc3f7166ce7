"""What visitors did last, in Redis, and the ids of the events that were taken."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson

from botify.store.client import Connections, Script, script_text
from botify.store.keys import (
    SHOP_BOUGHT,
    SHOP_EVENT_IDS,
    SHOP_EVENTS,
    SHOP_ITEMS,
    SHOP_KEYS,
    SHOP_OFFERS,
    SHOP_SUMS,
)
from contract.shop_events import ShopEvent

if TYPE_CHECKING:
    import redis

ID_SECONDS = 24 * 3600
"""For so long, an event whose id was seen is not taken again."""
MOST_BOUGHT = 10_000
"""So many items that a visitor bought are kept, the last ones."""
DAY_MS = 86_400_000
_CHUNK = 200
"""Events per script: between two of them, Redis answers requests."""
_T = TypeVar("_T")
_ORDER_BYTES = 8
_OWN_ID_LENGTH = 32


class RecentEvent(NamedTuple):
    """One of the last events of a visitor."""

    item: str
    event: str
    """The kind."""
    timestamp: int
    """In ms."""


class StoredEvent(NamedTuple):
    """What Redis gets of an event."""

    id: bytes
    """Digest of the id that the client gave it; empty if it gave none."""
    digest: bytes
    """Of the event as it was sent."""
    user: str
    item: str
    at: int
    """Its time in ms."""
    packed: bytes
    """As `pack_recent`; empty if it is none of those that are kept."""
    expires: int
    """When it may be forgotten, in ms since the epoch."""
    counted_as: str = ""
    """The number of its kind in the sums by item and category; empty if it is not counted."""
    weight: str = ""
    """What it adds to a sum, in digits."""
    purchase: str = ""
    """Not empty if it is one: then its item is kept for as long as it is not to be offered."""


def pack_recent(event_id: str, kind: str, item: str) -> bytes:
    """An event among the last ones of its visitor: the same event is the same bytes.

    First what orders events of one time: of ids that the service gave, their number and some
    random digits, so that events of one request keep their order; else a digest of the id.
    """
    return b"%b%b\0%b" % (_order(event_id), kind.encode(), item.encode())


def unpack_recent(found: Sequence[bytes]) -> tuple[RecentEvent, ...]:
    """Events and their times in turns, as a script replies."""
    events = []
    for packed, at in zip(found[::2], found[1::2], strict=True):
        kind, _, item = packed[_ORDER_BYTES:].partition(b"\0")
        events.append(RecentEvent(item.decode(), kind.decode(), int(float(at))))
    return tuple(events)


def id_digest(event_id: str) -> bytes:
    """What stands for an event's id in Redis."""
    return blake2b(event_id.encode(), digest_size=16).digest()


def digest_of(event: ShopEvent) -> bytes:
    """Of all that a client says of an event: two of one id must agree in it."""
    return blake2b(orjson.dumps(tuple(event)), digest_size=8).digest()


def _order(event_id: str) -> bytes:
    if len(event_id) == _OWN_ID_LENGTH:
        try:
            return bytes.fromhex(event_id)[6 : 6 + _ORDER_BYTES]
        except ValueError:
            pass
    return blake2b(event_id.encode(), digest_size=_ORDER_BYTES).digest()


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    values = iter(values)
    while chunk := list(islice(values, _CHUNK)):
        yield chunk


class ConflictError(Exception):
    """An id belongs to another event."""

    def __init__(self, place: int) -> None:
        """`place`: of the event in the request, from 0."""
        super().__init__(place)
        self.place = place


class VisitorEvents:
    """Takes events in two steps, between which they are logged; holds no state of its own."""

    def __init__(self, client: "redis.Redis", keep: int, bought_days: float = 30.0) -> None:
        """`keep`: how many of the last events of each visitor. `bought_days`: how long a purchase
        is kept, be it among these or not."""
        connections = Connections(client)
        self._keep = keep
        self._bought_ms = int(bought_days * DAY_MS)
        self._claim = Script(connections, script_text("claim_events"))
        self._release = Script(connections, script_text("release_events"))
        self._commit = Script(
            connections, script_text("item_fields") + script_text("commit_events")
        )

    def claim(self, ids: Sequence[tuple[bytes, bytes]]) -> list[bool]:
        """Whether the events with these digests, of id and content, were taken before.

        Those that were not must be logged and then committed. Raises ConflictError, and then
        claims none; StoreError.
        """
        taken: list[bool] = []
        for start in range(0, len(ids), _CHUNK):
            some = ids[start : start + _CHUNK]
            conflict, *known = self._claim(
                (SHOP_EVENT_IDS,), (ID_SECONDS, *(part for pair in some for part in pair))
            )
            if conflict:
                for chunk in _chunks(pair[0] for pair in ids[:start]):
                    self._release((SHOP_EVENT_IDS,), chunk)
                raise ConflictError(start + int(conflict) - 1)
            taken += map(bool, known)
        return taken

    def commit(self, events: Iterable[StoredEvent]) -> str:
        """Make logged events known to recommenders. Raises StoreError.

        Returns a character for each: "a" where it is new, "r" where it was taken before; in
        capitals where the catalog does not have its item. May be repeated.
        """
        keys = (
            *(SHOP_KEYS.lists, SHOP_OFFERS, SHOP_EVENT_IDS, SHOP_EVENTS),
            *(SHOP_ITEMS, SHOP_SUMS, SHOP_BOUGHT),
        )
        outcome = ""
        for chunk in _chunks(events):
            arguments: list[object] = [ID_SECONDS, self._keep, self._bought_ms, MOST_BOUGHT]
            for event in chunk:
                arguments += event
            outcome += self._commit(keys, arguments).decode()
        return outcome
