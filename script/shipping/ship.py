"""Ship the new lines of the logs, part by part: upload, verify, record, move into place.

The order is what makes it exact. A part in place has a record; a part with a record is moved into
place by the next run, if this one is killed before; what was uploaded without a record is as good
as never sent. So at every moment the record says exactly which lines are there.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from typing import TypeVar

from script.shipping.diff import Diff, Range, diff, pack
from script.shipping.duplicates import Deduplicator, Duplicate
from script.shipping.errors import InputError, LogChangedError, ShipError
from script.shipping.integrity import (
    Comparison,
    IntegrityCheck,
    integrity_error,
    records_of,
    unrecorded_error,
)
from script.shipping.manifest import REPLACES, Manifest, Record, merge, rewrite, write_records
from script.shipping.recover import finish, recover, sweep
from script.shipping.resend import resend
from script.shipping.retry import retry_for
from script.shipping.sources.directory import LogFile
from script.shipping.targets.base import Target
from script.shipping.transfer import LOG, Options, discard, placed, publish, upload

T = TypeVar("T")


@dataclass(frozen=True)
class Shipment:
    """What one run did; `bytes` are counted in the logs, before any compression."""

    shipped: list[LogFile]
    unchanged: list[LogFile]
    shorter: list[LogFile]
    """Logs that were truncated after shipping, and have nothing new."""
    same: list[Duplicate]
    """Duplicates, which were shipped once."""
    parts: int
    bytes: int
    resent: list[str] = field(default_factory=list)
    """Files whose lines were sent again because the target had lost them."""

    @classmethod
    def of(cls, done: Diff, same: list[Duplicate], parts: int) -> "Shipment":
        logs = [span.log for span in done.ranges]
        total = sum(span.end - span.start for span in done.ranges)
        return cls(logs, done.unchanged, done.shorter, same, parts, total)

    @property
    def there(self) -> list[LogFile]:
        """Logs all of whose whole lines are at the target."""
        same = [duplicate.log for duplicate in self.same]
        return [*self.shipped, *self.unchanged, *self.shorter, *same]


class Shipper:
    """Ships logs to one target, and keeps its record between rounds."""

    def __init__(
        self,
        target: Target,
        options: Options,
        advance: Callable[[int], object] = lambda n: None,
        owner: str | None = None,
    ) -> None:
        """`advance` is called with the number of log bytes sent, from several threads; `owner`
        identifies the holder of the target's lock."""
        self._target = target
        self._options = options
        self._advance = advance
        self._owner = owner or token_hex(8)
        self._manifest: Manifest | None = None
        """The record as far as this run has read it; `_is_whole` if that is all of it."""
        self._is_whole = False
        self._shorter: set[LogFile] = set()
        self._deduplicator = Deduplicator()
        self._check = IntegrityCheck(target, options.by_recommender)
        self._has_room = False

    def ship(self, logs: Sequence[LogFile], resends: bool = False) -> Shipment:
        """Send the whole lines that the target does not have yet.

        With `resends` also those that it has lost; without, that is an IntegrityError. Raises
        InputError if what to send cannot be determined, ShipError if the target or a log fails
        for good; finished parts then stay, and the next run continues after them.
        """
        target = self._target
        manifest, result = self._retry(self._compared)
        self._is_whole = False  # until this succeeds, the target may hold more
        self._refuse_unrecorded(logs, manifest, result.there)
        own, same = self._deduplicator.split(logs)
        resent: list[str] = []
        again: list[list[Range]] = []
        if result.damaged:
            if not resends:
                raise integrity_error(target, result.damaged, manifest)
            manifest, again = self._send_again(own, manifest, result)
            resent = sorted(result.damaged)
        new = [log for log in own if log not in self._shorter]
        todo = self._retry(lambda: diff(new, manifest, target))
        self._shorter.update(todo.shorter)
        records = self._all(self._packed(todo.ranges), manifest)
        self._manifest = self._retry(lambda: merge(target, manifest, f"{_now()}.jsonl"))
        self._is_whole = True
        done = Shipment.of(todo, same, len(records))
        return replace(
            done,
            parts=done.parts + len(again),
            bytes=done.bytes + sum(span.end - span.start for part in again for span in part),
            resent=resent,
        )

    def confirm(self) -> None:
        """Check again that everything shipped is at the target. Raises IntegrityError."""
        manifest, result = self._retry(self._compared)
        if result.damaged:
            raise integrity_error(self._target, result.damaged, manifest)

    def _compared(self) -> tuple[Manifest, Comparison]:
        """The record, and how the target differs from it.

        Between rounds the record is remembered: what was removed of it at the target is written
        again if the files are still there. Raises InputError for a part without a record.
        """
        target, before = self._target, self._manifest
        if before is not None and self._is_whole:
            result = self._check.compare(before)
            if result.agrees:
                return before, result
        self._is_whole = False
        now = recover(target, self._owner)
        manifest = now if before is None else before.joined(now)
        result = self._check.compare(manifest)
        if len(manifest.records) > len(now.records) and not result.damaged:
            manifest = rewrite(target, manifest, f"{_now()}.jsonl")
        self._manifest = manifest
        if result.unrecorded:
            raise unrecorded_error(target, result.unrecorded)
        return manifest, result

    def _send_again(
        self, logs: Sequence[LogFile], manifest: Manifest, result: Comparison
    ) -> tuple[Manifest, list[list[Range]]]:
        """Send the lines of damaged files again; the record without these, and the parts sent.

        First the new parts are moved into place, then the remains of the old ones are set aside,
        then their record is removed: whatever a kill in between leaves is detected.
        """
        target = self._target
        todo = resend(records_of(result.damaged, manifest), manifest, logs)
        old = {file.name for record in todo.replaced for file in record.files}
        aside = {
            name: f"{_ASIDE}/{_now()},{name.replace('/', ',')}"
            for name in sorted(old & result.there.keys())
        }

        def put_aside() -> None:
            for name, place in aside.items():
                target.rename(name, place)

        rest = manifest.without(todo.replaced)
        if self._options.by_recommender:  # the new ones have the same names
            self._retry(put_aside)
            aside.clear()
        self._all(todo.parts, rest)
        self._retry(put_aside)
        if todo.replaced:
            rest = self._retry(lambda: rewrite(target, rest, f"{_now()}.jsonl"))
        self._manifest = rest
        if todo.lost:
            left = {name: why for name, why in result.damaged.items() if name in rest.files}
            raise integrity_error(target, left, rest, todo.lost)
        return rest, todo.parts

    def _packed(self, ranges: Sequence[Range]) -> Iterator[list[Range]]:
        """The parts to send. Raises InputError, checked once, if there is no room for them."""
        options = self._options
        if ranges and not self._has_room:
            size = sum(span.end - span.start for span in ranges)
            is_plain = options.compression == "none" and options.format == "json"
            needed = size if is_plain else 1
            self._retry(lambda: self._target.check_room(needed, _NAMES_NEEDED))
            self._has_room = True
        return pack(ranges, options.size, options.by_recommender)

    def replace(self, logs: Sequence[LogFile]) -> Shipment:
        """Send all whole lines, and then remove everything else from the target.

        Nothing is removed before everything is uploaded and verified. If a run is killed after
        that, the next one completes it.
        """
        target = self._target
        self._manifest, self._is_whole = None, False
        self._retry(lambda: sweep(target, self._owner))
        own, same = self._deduplicator.split(logs)
        todo = diff(own, Manifest(), target)
        records = self._all(self._packed(todo.ranges), None)
        name = f"{_now()}{REPLACES}"
        self._retry(lambda: write_records(target, name, records))
        self._retry(lambda: finish(target, name, records))
        return Shipment.of(todo, same, len(records))

    def _all(self, parts: Iterable[list[Range]], manifest: Manifest | None) -> list[Record]:
        """Ship the parts, several at a time; without a manifest, leave them uploaded.

        They are recorded in order, as the parts of a large log must not leave a gap. When one
        fails, the others in flight are abandoned.
        """
        records: list[Record] = []
        waiting: deque[tuple[list[Range], Future[Record]]] = deque()

        def record() -> None:
            """Record the next part, and those ready after it: a record costs a file's time."""
            first = len(records)
            with _naming(waiting[0][0]):
                while waiting and (len(records) == first or waiting[0][1].done()):
                    records.append(waiting.popleft()[1].result())
                if manifest is not None:
                    if self._options.by_recommender:
                        records[first:] = placed(records[first:], manifest)
                    self._publish(records[first:], manifest)

        with ThreadPoolExecutor(self._options.threads) as pool:
            try:
                for part in parts:
                    if len(waiting) >= 2 * self._options.threads:
                        record()
                    waiting.append((part, pool.submit(self._upload, part)))
                while waiting:
                    record()
            except BaseException:
                unrecorded = records if manifest is None else []
                for _, future in waiting:
                    if not future.cancel() and not future.exception():
                        unrecorded.append(future.result())
                for lost in unrecorded:
                    discard(lost.files, self._target)
                raise
        return records

    def _retry(self, do: Callable[[], T]) -> T:
        return retry_for(do, self._options.retry_seconds)

    def _upload(self, part: list[Range]) -> Record:
        target, options = self._target, self._options
        return self._retry(lambda: upload(part, target, options, self._owner, self._advance))

    def _publish(self, records: Sequence[Record], manifest: Manifest) -> None:
        # Parts may have a record even after a failure: only this is retried, not the upload.
        target = self._target
        name = f"{_now()}.jsonl"
        names = manifest.names
        self._retry(lambda: write_records(target, name, records, names))
        for record in records:
            self._retry(partial(publish, record, target))
            manifest.add(record)
        manifest.names.append(name)

    def _refuse_unrecorded(
        self, logs: Sequence[LogFile], manifest: Manifest, there: Iterable[str]
    ) -> None:
        by_recommender = self._options.by_recommender
        if any(name.endswith(f"/{LOG}") != by_recommender for name in manifest.files):
            how = "with --flat" if by_recommender else "without --flat"
            raise InputError(
                f"{self._target}: was filled {how}; ship {how} again, or name another directory"
            )
        strange = sorted({log.name for log in logs}.intersection(there))
        if strange:
            raise InputError(
                f"{', '.join(strange)} in {self._target}: has the name of a log, but no record "
                "says which of its lines are there; name another directory, or replace "
                "everything there with --cleanup (log2hdfs)"
            )


_ASIDE = "_replaced"
"""Damaged files are moved there once their lines were sent again."""
_NAMES_NEEDED = 2
"""A part and its record, at least."""


def _now() -> str:
    """A unique name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{token_hex(4)}"


@contextmanager
def _naming(part: Sequence[Range]) -> Iterator[None]:
    """Prefix errors of the target with the names of the logs."""
    try:
        yield
    except LogChangedError:
        raise
    except ShipError as error:
        names = ", ".join(str(span.log.path) for span in part[:2])
        more = f" and {len(part) - 2} more" if len(part) > 2 else ""
        raise ShipError(f"{names}{more}: {error}") from error
