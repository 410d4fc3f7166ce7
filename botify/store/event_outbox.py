"""Events that were taken while Redis was unavailable, until it gets them. They are in the log."""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from threading import Lock

from botify.store.visitor_events import RecentEvent, StoredEvent, VisitorEvents, unpack_recent

_MAX_EVENTS = 100_000
_CHUNK = 500

_log = logging.getLogger("botify.store.event_outbox")


class EventOutbox:
    """In bounded memory; beyond that the oldest are dropped. Thread-safe."""

    def __init__(self, events: VisitorEvents, most: int = _MAX_EVENTS) -> None:
        """`events` takes them to Redis."""
        self._events = events
        self._most = most
        self._waiting: deque[StoredEvent] = deque()
        self._lock = Lock()
        self._flushing = Lock()
        self._logged_loss = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, events: Iterable[StoredEvent]) -> None:
        """Keep them for Redis."""
        with self._lock:
            self._waiting.extend(events)
            if len(self._waiting) > self._most and not self._logged_loss:
                self._logged_loss = True
                _log.warning(
                    "Redis has been unavailable for so long that events wait no longer for it: "
                    "the last events of some visitors will lack them until the next start, which "
                    "reads them from the log"
                )
            while len(self._waiting) > self._most:
                self._waiting.popleft()

    def of(self, user: str) -> Sequence[RecentEvent]:
        """What waits of one visitor, newest first."""
        with self._lock:
            found = [event for event in self._waiting if event.user == user and event.packed]
        found.sort(key=lambda event: (event.at, event.packed), reverse=True)
        return [unpack_recent((event.packed, b"%d" % event.at))[0] for event in found]

    def flush(self) -> None:
        """Give Redis what waits. Raises StoreError."""
        while self._waiting:
            with self._flushing:
                with self._lock:
                    some = list(islice(self._waiting, _CHUNK))
                self._events.commit(some)
                done = set(map(id, some))
                with self._lock:
                    while self._waiting and id(self._waiting[0]) in done:
                        self._waiting.popleft()
