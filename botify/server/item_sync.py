"""Changes of items from their journal into Redis: what a restart lost, and what it missed."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from botify.store.client import store_errors
from botify.store.item_changes import ItemChanges
from botify.store.item_journal import ItemJournal
from botify.store.keys import SHOP_JOURNAL

if TYPE_CHECKING:
    import redis

_EXPIRES_SECONDS = 86_400


class ItemSync:
    """Applies what Redis has not got of a journal. Workers apply their changes too, at once: to do
    so twice is harmless."""

    def __init__(self, journal: ItemJournal) -> None:
        """Of this service."""
        self._journal = journal
        self._key = f"{SHOP_JOURNAL}{uuid.uuid4().hex}"

    def round(self, client: "redis.Redis", pause: Callable[[int], None]) -> None:
        """`pause` as in EventRecovery. Raises StoreError."""
        with store_errors():
            known = client.get(self._key)
        at = int(known) if known else 0
        if at >= self._journal.size():
            return
        changes = ItemChanges(client)
        while True:
            some, end = self._journal.read(at)
            changes.apply(some)
            if end == at:
                return  # at a line that is being written
            at = end
            with store_errors():
                client.set(self._key, at, ex=_EXPIRES_SECONDS)
            if at >= self._journal.size():
                return
            pause(len(some))
