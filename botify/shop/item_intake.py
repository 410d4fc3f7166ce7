"""The use case `items`: a change is on disk before it is acknowledged, and then in effect."""

import time
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from botify.config import ShopConfig
from botify.errors import InputError
from botify.event_log.writer import EventLog
from botify.files.jsonlines import encode
from botify.live_routing import LiveRouting
from botify.request_values import REPLACEMENT
from botify.shop.event_request import body_of, place_of, rows_of
from botify.shop.redis_calls import RedisCalls
from botify.store.client import StoreError
from botify.store.item_changes import ItemChange, ItemChanges
from botify.store.item_journal import ItemJournal
from contract.errors import FormatError
from contract.ids import ID_RULE, NOT_IN_IDS, owner_id
from contract.shop_events import price_of

MAX_CHANGES = 10_000
"""Of one request."""
MAX_FIELDS = 100
MAX_ITEM_BYTES = 16 * 1024
"""Of the JSON of one change."""
MAX_NAME = 100
"""Characters of a key."""

Change = tuple[str, Mapping[str, Any] | None]
"""An item, and its new values by name, or None to delete it."""


def parse_changes(body: bytes) -> list[Change]:
    """The items of a body: one object, or a list of them. Raises InputError, which names the
    first that is wrong.

    Keys but those below are the shop's own, and are kept as they are.
    """
    value = body_of(body)
    changes: list[Change] = []
    for number, row in enumerate(rows_of(value, MAX_CHANGES, "items"), 1):
        try:
            changes.append(_change(row))
        except FormatError as error:
            raise InputError(f"{place_of(value, number, 'item')}{error}") from error
    return changes


def _change(row: object) -> Change:
    if not isinstance(row, dict):
        raise FormatError("expected a JSON object")
    item = owner_id(row.get("item"))
    if item is None or REPLACEMENT in item:
        raise FormatError(f"`item` must be {ID_RULE}")
    fields = {name: value for name, value in row.items() if name != "item"}
    try:
        size = len(encode(fields))
    except (ValueError, RecursionError):  # half of a character, or nested too deep
        raise FormatError("its values are no plain JSON") from None
    if len(fields) > MAX_FIELDS or size > MAX_ITEM_BYTES:
        raise FormatError(
            f"an item may have {MAX_FIELDS} keys, and {MAX_ITEM_BYTES:,} bytes, in one change"
        )
    for name in fields:
        if not 0 < len(name) <= MAX_NAME or NOT_IN_IDS.search(name) or REPLACEMENT in name:
            raise FormatError(f"{name[:20]!r}: a key must be a text of 1 to {MAX_NAME} characters")
    price_of(fields.get("price"))
    for name in ("available", "hidden"):
        if fields.get(name) is not None and not isinstance(fields[name], bool):
            raise FormatError(f"`{name}` must be true or false")
    if not isinstance(fields.get("title"), str | None):
        raise FormatError("`title` must be a text")
    if fields.get("category") is not None:
        fields["category"] = owner_id(fields["category"])
        if fields["category"] is None:
            raise FormatError(f"`category` must be {ID_RULE}")
    return item, fields


class ItemIntake:
    """Takes changes of items: into the journal, the log, and Redis."""

    def __init__(
        self,
        calls: RedisCalls,
        log: EventLog,
        changes: ItemChanges,
        journal: ItemJournal,
        routing: LiveRouting[ShopConfig, Any],
    ) -> None:
        """What Redis does not take now, the parent gives it from the journal."""
        self._calls = calls
        self._log = log
        self._changes = changes
        self._journal = journal
        self._routing = routing
        self._last = 0
        self._lock = Lock()

    def take(self, changes: Sequence[Change]) -> bool:
        """Make them last. Returns whether they are in effect: else they are when Redis is back.

        Raises OSError if the disk has no room for them; then nothing is changed.
        """
        with self._lock:  # of two changes, the later one has the later time
            at = self._last = max(time.time_ns() // 1_000_000, self._last + 1)
            rows = [ItemChange(at, item, fields) for item, fields in changes]
            self._journal.append(rows)
        run = self._routing.current.run
        self._log.write_all(
            {"message": "item", "timestamp": at, "item": item, "fields": fields, "run": run}
            for at, item, fields in rows
        )
        if not self._calls.up:
            return False
        try:
            self._changes.apply(rows)
        except StoreError as error:
            self._calls.failed(error)
            return False
        return True
