"""Changes of items on disk: they outlive Redis, and the log, which is deleted once shipped."""

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from botify.files.jsonlines import encode
from botify.store.item_changes import ItemChange

JOURNAL = "items.changes.jsonl"
"""Name of the file, in the directory of the log."""
_MAX_READ = 2**22

_log = logging.getLogger("botify.store.item_journal")


class ItemJournal:
    """JSON Lines {"at": ms, "item": id, "fields": {...} or null}, which all workers append to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, changes: Iterable[ItemChange]) -> None:
        """All of them, or none. Raises OSError."""
        lines = b"".join([encode(change._asdict()) + b"\n" for change in changes])
        with self._locked() as descriptor:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                lines = b"\n" + lines  # after a line that was cut off with its writer
            try:
                done = 0
                while done < len(lines):
                    done += os.write(descriptor, lines[done:])
            except OSError:
                os.ftruncate(descriptor, size)
                raise

    def size(self) -> int:
        """In bytes; 0 if there is no file."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, offset: int) -> tuple[list[ItemChange], int]:
        """Some of the changes from there on, and where the next ones are. Raises OSError.

        A line that is none is told, and left out.
        """
        with self.path.open("rb") as file:
            file.seek(offset)
            block = file.read(_MAX_READ)
            if not block.endswith(b"\n"):
                block += file.readline()
        whole = block[: block.rfind(b"\n") + 1]
        return list(self._parsed(whole, offset)), offset + len(whole)

    def compact(self) -> None:
        """Keep of each value the last change alone. Raises OSError.

        Before workers start; those of another service on the same directory notice it.
        """
        if not self.size():
            return
        with self._locked():
            at, end, merged = 0, -1, _Merged()
            while at != end:
                end = at
                changes, at = self.read(at)
                for change in changes:
                    merged.add(change)
            new = self.path.with_name(f".{self.path.name}.new")
            with new.open("wb") as file:
                file.writelines(encode(change._asdict()) + b"\n" for change in merged.changes())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)

    def _parsed(self, lines: bytes, offset: int) -> Iterator[ItemChange]:
        for line in lines.split(b"\n"):
            if not line:
                continue
            try:
                row = orjson.loads(line)
                fields = row["fields"]
                if fields is not None and not isinstance(fields, dict):
                    raise ValueError("`fields` is no object")
                yield ItemChange(int(row["at"]), str(row["item"]), fields)
            except (ValueError, KeyError, TypeError) as error:
                _log.error(
                    "%s: a line after byte %d is no change of an item, and is left out: %s",
                    self.path,
                    offset,
                    error,
                )

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, which is made if there is none, while no other process appends to it."""
        while True:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                ours, there = os.fstat(descriptor), self._identity()
                if there == (ours.st_dev, ours.st_ino):  # it was not replaced meanwhile
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    def _identity(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino


class _Merged:
    """The changes that stand; as change_items.lua decides it."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, tuple[int, object]]] = {}
        self._posted: dict[str, int] = {}
        self._deleted: dict[str, int] = {}

    def add(self, change: ItemChange) -> None:
        at, item, fields = change
        if fields is None:
            if at < self._deleted.get(item, 0):
                return
            self._deleted[item] = at
            values = self._values.get(item, {})
            self._values[item] = {name: of for name, of in values.items() if of[0] > at}
            if self._posted.get(item, 0) <= at:
                self._posted.pop(item, None)
            return
        if at < self._deleted.get(item, 0):
            return
        self._posted[item] = max(at, self._posted.get(item, 0))
        values = self._values.setdefault(item, {})
        for name, value in fields.items():
            if name not in values or values[name][0] <= at:
                values[name] = at, value

    def changes(self) -> Iterator[ItemChange]:
        for item, at in self._deleted.items():
            yield ItemChange(at, item, None)
        for item, at in self._posted.items():
            by_time: dict[int, dict[str, object]] = {at: {}}
            for name, (when, value) in self._values.get(item, {}).items():
                by_time.setdefault(when, {})[name] = value
            for when, fields in sorted(by_time.items()):
                yield ItemChange(when, item, fields)
