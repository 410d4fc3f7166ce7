"""Finds duplicate logs: one file under two names, a copy, or a copy in progress.

One file, or one content, is shipped once. A log that is the beginning of another is an earlier
copy of it, or one that log rotation (copytruncate, gzip) is making.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from script.shipping.compression import DAMAGE, decoded
from script.shipping.sources.directory import LogFile


@dataclass(frozen=True)
class Duplicate:
    """A log that is not shipped, because another one contains all of it."""

    log: LogFile
    of: LogFile
    is_link: bool

    def __str__(self) -> str:
        how = "is the file" if self.is_link else "is in"
        return f"{self.log.name} {how} {self.of.name}"


class Deduplicator:
    """Separates logs from their copies; remembers which were compared in full."""

    def __init__(self) -> None:
        self._compared: set[tuple[object, ...]] = set()

    def split(self, logs: Sequence[LogFile]) -> tuple[list[LogFile], list[Duplicate]]:
        """Logs with content of their own, and the duplicates. Raises LogChangedError."""
        own, same = _files(log for log in logs if log.size)
        own.reverse()
        plain = {log.path: log for log in own if not log.is_compressed}
        groups: dict[str, list[LogFile]] = {}
        for log in own:
            sibling = plain.get(log.path.with_suffix("")) if log.is_compressed else None
            # While it is being compressed, a log may have no complete line to identify it by.
            first = log.first if sibling is None or log.first == sibling.first else ""
            if not first and sibling is not None and self._begins(sibling, log):
                same.append(Duplicate(log, sibling, is_link=False))
            else:
                groups.setdefault(log.first, []).append(log)
        for group in groups.values():
            # Of equal content, the uncompressed log is kept, then the first by name.
            group.sort(key=lambda log: (not log.is_compressed, log.size))
            for log in list(group):
                others = (other for other in group if other is not log)
                of = next((other for other in others if self._begins(other, log)), None)
                if of is not None:
                    group.remove(log)
                    same.append(Duplicate(log, of, is_link=False))
        copies = {duplicate.log for duplicate in same}
        return [log for log in logs if log not in copies], same

    def _begins(self, whole: LogFile, log: LogFile) -> bool:
        """Whether all of `log` is the beginning of `whole`."""
        key: tuple[object, ...] = (whole.identity, log.identity, log.seen)
        if whole.is_compressed or log.is_compressed:
            key = (*key, whole.seen)
        elif log.size > whole.size or whole.check(log.size) != log.seen:
            return False
        if key not in self._compared:
            try:
                if not is_beginning(_lines(log), _lines(whole)):
                    return False
            except DAMAGE:  # its content is unknown
                return False
            self._compared.add(key)
        return True


def _files(logs: Iterable[LogFile]) -> tuple[list[LogFile], list[Duplicate]]:
    """One log for each file, and its other names."""
    found: dict[tuple[int, int], LogFile] = {}
    same = []
    # The link is the duplicate, not the file that it leads to.
    for log in sorted(logs, key=lambda log: (log.path.is_symlink(), log.name)):
        file = found.setdefault(log.identity, log)
        if file is not log:
            same.append(Duplicate(log, file, is_link=True))
    return list(found.values()), same


def _lines(log: LogFile) -> Iterator[bytes]:
    return decoded(log.chunks(), log.path.name)


def is_beginning(part: Iterable[bytes], whole: Iterable[bytes]) -> bool:
    """Whether the bytes of `part` are the first ones of `whole`."""
    theirs = iter(whole)
    rest = b""
    for chunk in part:
        while len(rest) < len(chunk):
            more = next(theirs, None)
            if more is None:
                return False
            rest += more
        if not rest.startswith(chunk):
            return False
        rest = rest[len(chunk) :]
    return True
