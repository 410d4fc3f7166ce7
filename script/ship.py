"""Ship what is new of the logs, part by part: upload, verify, record, move into place.

The order is what makes it exact. A part in place has a record; a part with a record is moved into
place by the next run, if this one is killed before; what was uploaded without a record is as good
as never sent. So at every moment the record says exactly which lines are there.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex

from script.errors import InputError, LogChangedError, ShipError
from script.manifest import REPLACES, Manifest, Record, merge, write_records
from script.plan import Plan, Range, pack, plan
from script.recover import finish, recover, sweep
from script.retry import patiently
from script.sources import LogFile
from script.targets import Target
from script.transfer import Options, discard, publish, upload


@dataclass(frozen=True)
class Shipment:
    """What one run did; `bytes` as the logs have them."""

    shipped: list[LogFile]
    unchanged: list[LogFile]
    shorter: list[LogFile]
    """Logs that were cut since they were shipped, and have nothing new."""
    parts: int
    bytes: int

    @classmethod
    def of(cls, done: Plan, parts: int) -> "Shipment":
        logs = [some.log for some in done.ranges]
        total = sum(some.end - some.start for some in done.ranges)
        return cls(logs, done.unchanged, done.shorter, parts, total)


class Shipper:
    """Brings logs to one target, and remembers its record between runs."""

    def __init__(
        self, target: Target, options: Options, advance: Callable[[int], object] = lambda n: None
    ) -> None:
        """`advance` is told the bytes of the logs as they are sent, from several threads."""
        self._target = target
        self._options = options
        self._advance = advance
        self._manifest: Manifest | None = None
        self._shorter: set[LogFile] = set()

    def ship(self, logs: Sequence[LogFile]) -> Shipment:
        """Send the whole lines that the target does not have yet.

        Raises InputError where that cannot be told, ShipError where the target, or a log, fails
        for good; the parts in place then stay, and the next run goes on from there.
        """
        target, patience = self._target, self._options.patience
        manifest = self._manifest or patiently(lambda: recover(target), patience)
        self._manifest = None  # until all is well, nobody knows what is there
        self._refuse_strangers(logs)
        new = [log for log in logs if log not in self._shorter]
        todo = patiently(lambda: plan(new, manifest, target), patience)
        self._shorter.update(todo.shorter)
        records = self._all(pack(todo.ranges, self._options.size), manifest)
        self._manifest = patiently(lambda: merge(target, manifest, f"{_now()}.jsonl"), patience)
        return Shipment.of(todo, len(records))

    def replace(self, logs: Sequence[LogFile]) -> Shipment:
        """Send all whole lines, and then remove everything else from the target.

        Nothing is removed before all is uploaded and verified. A run that is killed after that is
        brought to its end by the next one.
        """
        target, patience = self._target, self._options.patience
        patiently(lambda: sweep(target), patience)
        todo = plan(logs, Manifest(), target)
        records = self._all(pack(todo.ranges, self._options.size), None)
        name = f"{_now()}{REPLACES}"
        patiently(lambda: write_records(target, name, records), patience)
        patiently(lambda: finish(target, name, records), patience)
        return Shipment.of(todo, len(records))

    def _all(self, parts: Iterable[list[Range]], manifest: Manifest | None) -> list[Record]:
        """Ship the parts, some at once; with no manifest, leave them uploaded.

        They are recorded in their order: the parts of a large log must not leave a gap. At the
        first that fails the others in flight are given up.
        """
        records: list[Record] = []
        waiting: deque[tuple[list[Range], Future[Record]]] = deque()

        def record() -> None:
            """The next part, and those that are ready behind it: a record costs a file's time."""
            first = len(records)
            with _naming(waiting[0][0]):
                while waiting and (len(records) == first or waiting[0][1].done()):
                    records.append(waiting.popleft()[1].result())
                if manifest is not None:
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
                for some in unrecorded:
                    discard(some.files, self._target)
                raise
        return records

    def _upload(self, part: list[Range]) -> Record:
        target, options = self._target, self._options
        return patiently(lambda: upload(part, target, options, self._advance), options.patience)

    def _publish(self, records: Sequence[Record], manifest: Manifest) -> None:
        # Parts may have a record after a failure too: only this is done again, not the upload.
        target, patience = self._target, self._options.patience
        name = f"{_now()}.jsonl"
        patiently(lambda: write_records(target, name, records), patience)
        for some in records:
            patiently(partial(publish, some, target), patience)
            manifest.add(some)
        manifest.names.append(name)

    def _refuse_strangers(self, logs: Sequence[LogFile]) -> None:
        there = patiently(self._target.list, self._options.patience)
        strange = sorted(there.keys() & {log.name for log in logs})
        if strange:
            raise InputError(
                f"{', '.join(strange)} in {self._target}: has the name of a log, but no record "
                "says which of its lines are there; name another directory, or replace "
                "everything there with --cleanup (log2hdfs)"
            )


def _now() -> str:
    """A name that no other has, and that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{token_hex(4)}"


@contextmanager
def _naming(part: Sequence[Range]) -> Iterator[None]:
    """Put the names of the logs before what the target says."""
    try:
        yield
    except LogChangedError:
        raise
    except ShipError as error:
        names = ", ".join(str(some.log.path) for some in part[:2])
        more = f" and {len(part) - 2} more" if len(part) > 2 else ""
        raise ShipError(f"{names}{more}: {error}") from error
