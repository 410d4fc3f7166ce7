"""What visitors did last, from the event log into a Redis that has lost it, or never had it."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import orjson

from botify.config import ShopConfig
from botify.event_log.segments import log_files
from botify.files.backwards import lines_backwards
from botify.files.jsonlines import MAX_LINE_BYTES
from botify.shop.features.counts import counted_as
from botify.store.client import store_errors
from botify.store.keys import reading_key, recovered_key
from botify.store.visitor_events import (
    DAY_MS,
    ID_SECONDS,
    StoredEvent,
    VisitorEvents,
    digest_of,
    id_digest,
    pack_recent,
)
from contract.errors import FormatError
from contract.shop_events import PURCHASE, parse_shop_event

if TYPE_CHECKING:
    import redis

_BATCH = 2000
"""Events between two moments at which the parent may do something else."""
_READING_SECONDS = 600
"""How long it is told that events are being read, by a parent that ended meanwhile."""
_MARK = b'"event"'
_PURCHASE = b'"%b"' % PURCHASE.encode()
_DAY_SECONDS = 86_400
_LOOKED_AT = 64
"""Bytes of a line in which its `message` is, as this service and `import --events` write it."""

_log = logging.getLogger("botify.server.event_recovery")


class _Found(NamedTuple):
    """A line, and when its file was last written, in ms."""

    line: bytes
    written: int


class EventRecovery:
    """Reads the newest events once at the start, and whenever Redis has lost what it had."""

    def __init__(self, config: ShopConfig, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the epoch."""
        self._config = config.events
        self._bought_days = config.rules.bought_days
        self._log_dir = config.log_dir
        self._key = recovered_key(config.log_dir)
        self._reading_key = reading_key(config.log_dir)
        self._clock = clock
        self._done = False
        self._unreadable: list[str] = []

    def round(self, client: "redis.Redis", pause: Callable[[int], None]) -> None:
        """Read them if that is needed. `pause` is called between batches, with their sizes; what
        it raises ends the reading. Raises StoreError."""
        with store_errors():
            complete = bool(client.exists(self._key))
        if self._done and complete:
            return
        self._done = False
        began = time.monotonic()
        events = VisitorEvents(client, self._config.recent, self._bought_days)
        read = purchases = bad = 0
        batch: list[StoredEvent] = []
        more = False
        self._unreadable.clear()
        for found in self._lines():
            full = read >= self._config.recover
            if full and _PURCHASE not in found.line:
                more = True
                continue
            try:
                stored = self._stored(found)
            except (FormatError, ValueError, KeyError, TypeError):
                bad += 1
                continue
            if stored is None:
                continue
            if full:
                more = True
                if not stored.purchase:
                    continue
                stored = stored._replace(id=b"", packed=b"", counted_as="")
                purchases += 1
            else:
                read += 1
            batch.append(stored)
            if len(batch) == _BATCH:
                events.commit(batch)
                batch.clear()
                if not complete:
                    with store_errors():
                        client.set(self._reading_key, _reading(read), ex=_READING_SECONDS)
                pause(_BATCH)
        events.commit(batch)
        note = self._note(read, more, bad, purchases)
        with store_errors():
            client.set(self._key, note)
            client.delete(self._reading_key)
        self._done = True
        if read or note:
            _log.warning(
                "%d events were read from the log into Redis, in %.1f s%s",
                read,
                time.monotonic() - began,
                f": {note}" if note else "",
            )

    def _note(self, read: int, more: bool, bad: int, purchases: int) -> str:
        """What was left out, for /health; empty if nothing was."""
        notes = []
        if more:
            notes.append(
                f"the last events of visitors were read from the newest {read:,} events of the "
                "log (events.recover in the config); of older ones, only what was bought in the "
                f"last {self._bought_days:g} days: {purchases:,} purchases"
            )
        if bad:
            notes.append(f"{bad:,} lines of the log are no events and were left out")
        notes += self._unreadable
        return "; ".join(notes)

    def _lines(self) -> Iterator[_Found]:
        """Lines of events, the files written last first, each from its end."""
        files = log_files(self._log_dir)
        for directory in self._config.history:
            found = log_files(directory)
            if not found:
                self._unreadable.append(f"{directory}: no data.json* there (events.history)")
            files += found
        stamped = []
        for path in files:
            if path.suffix in (".gz", ".zst", ".parquet"):
                self._unreadable.append(f"{path}: is packed, and was not read for last events")
                continue
            try:
                stamped.append((path.stat().st_mtime, path))
            except OSError:
                continue  # shipped and deleted meanwhile
        oldest = self._clock() - max(self._config.ttl, self._bought_days * _DAY_SECONDS)
        for written, path in sorted(stamped, reverse=True):
            if written < oldest:
                break
            try:
                for line in lines_backwards(path, MAX_LINE_BYTES):
                    if _MARK in line[:_LOOKED_AT]:
                        yield _Found(line, int(written * 1000))
            except OSError as error:
                self._unreadable.append(f"{path}: cannot be read: {error.strerror}")

    def _stored(self, found: _Found) -> StoredEvent | None:
        """The event of a line; None for what is none, is not kept, or has expired.

        Raises FormatError, ValueError, KeyError, TypeError.
        """
        row = orjson.loads(found.line)
        if row.get("message") != "event":
            return None
        event = parse_shop_event(row)
        if event.id is None or event.timestamp is None:
            raise FormatError("`id` or `timestamp` is missing")
        received = int(row.get("received") or found.written)
        now = int(self._clock() * 1000)
        expires = received + self._config.ttl * 1000
        known = event.event in self._config.all_kinds
        if event.event in self._config.not_recent or not known or expires <= now:
            packed = b""
        else:
            packed = pack_recent(event.id, event.event, event.item)
        key = digest = b""
        if received > now - ID_SECONDS * 1000 and event.id[:12] != f"{received:012x}":
            sent = row.get("claimed")
            if sent is None and event.timestamp != received:
                sent = event.timestamp
            key, digest = id_digest(event.id), digest_of(event._replace(timestamp=sent))
        bought = event.event == PURCHASE and now - event.timestamp <= self._bought_days * DAY_MS
        if not packed and not key and not bought:
            return None
        user, item, at = event.user, event.item, event.timestamp
        counted = counted_as(event.event, at) if packed else ("", "")
        purchase = "1" if bought else ""
        return StoredEvent(key, digest, user, item, at, packed, expires, *counted, purchase)


def _reading(read: int) -> str:
    return (
        f"the last events of visitors are being read from the log, {read:,} so far: until then, "
        "answers miss some of them"
    )
