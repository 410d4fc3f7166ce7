"""New lines of log files, each read once even if files are renamed, copied, packed or truncated.

A file is identified by its inode and its content. A renamed file is resumed at its offset; so is a
copy of a log that was truncated afterwards (copytruncate), and a compressed one. A file that got
shorter, or was overwritten, is read from its start. Lines that are still read twice are detected
later: see `offline.watch.batch`.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from offline.errors import InputError
from offline.logs.decompress import DamageError, Kind, kind_of, unpacked
from offline.logs.files import find_log_files
from offline.logs.normalise import LogFile, examine
from offline.watch.known import Identity, Known, changed, identity, last_newline

SETTLED_S = 60.0
"""A file not modified for this long is read in place; others are copied first."""
_CHUNK = 1 << 20
_REMEMBERED = 1000
_COMPLETE_LINE = 1 << 16


@dataclass
class News:
    """New data found at a look."""

    files: list[LogFile] = field(default_factory=list)
    """Files to read completely: logs, or copies of their new parts."""
    notes: list[str] = field(default_factory=list)
    written: float = 0.0
    """When a log was last written to; s since the epoch."""
    paths: list[Path] = field(default_factory=list)
    """All logs found."""
    direct: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Files that are read in place, with size and modification time."""

    def holds(self) -> bool:
        """Whether the files that are read in place are unchanged."""
        try:
            return all(changed(path.stat()) == stat for path, stat in self.direct.items())
        except OSError:
            return False


class Tail:
    """Follows the logs that `find_log_files` finds for `paths`."""

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self._paths = paths
        self._logs: dict[Identity, Known] = {}
        self._lost: list[Known] = []
        self._packed: dict[Identity, tuple[int, int]] = {}
        self._notes: dict[str, None] = {}

    def poll(self, scratch: Path, copy: bool = False) -> News:
        """The unread parts of the logs; copies go into `scratch`.

        `copy`: of files that look settled too. Raises InputError where a path leads nowhere or, in
        the first look, a file is no log; a later one that is none is told in the notes.
        """
        first = not self._logs and not self._packed
        news = News()
        news.paths, notes = self._find()
        fresh: list[Path] = []
        seen: set[Identity] = set()
        for path in news.paths:
            with contextlib.suppress(FileNotFoundError):  # was rotated since it was found
                stat = path.stat()
                seen.add(identity(stat))
                news.written = max(news.written, stat.st_mtime)
                if kind_of(path) != "plain":
                    if self._packed.get(identity(stat)) != changed(stat):
                        fresh.append(path)
                elif not self._go_on(path, news, scratch):
                    fresh.append(path)
        self._forget(seen)
        for path in fresh:
            try:
                self._begin(path, news, scratch, copy, first)
            except FileNotFoundError:
                continue
            except InputError as error:
                if first:
                    raise
                self._notes.setdefault(f"not read: {error}")
        news.notes = [*notes, *self._notes, *self._missing()]
        return news

    def _find(self) -> tuple[list[Path], list[str]]:
        """The logs; none where there are only directories, without a log so far."""
        try:
            found = find_log_files(self._paths)
        except InputError:
            if not self._logs and not all(Path(path).is_dir() for path in self._paths):
                raise
            return [], []
        return list(found.files), list(found.notes)

    def _go_on(self, path: Path, news: News, scratch: Path) -> bool:
        """Resume a known log; False if it is no log, or now a different one."""
        stat = path.stat()
        known = self._logs.get(identity(stat))
        if known is None:
            return False
        if known.stat == changed(stat):
            self._logs[known.identity] = known.at(path, stat)
            return True
        if not (stat.st_size >= known.offset and (not known.offset or known.is_start_of(path))):
            self._lose(self._logs.pop(known.identity))
            return False
        self._copy(path, known.offset, news, scratch)
        return True

    def _begin(self, path: Path, news: News, scratch: Path, copy: bool, first: bool) -> None:
        """Read a new file: all of it, or from the offset of the log that it continues."""
        kind = kind_of(path)
        stat = path.stat()
        if kind == "parquet":
            self._take(path, examine(path, scratch), news)
            return
        if kind != "plain":
            self._begin_packed(path, kind, news, scratch, first)
            return
        if read := self._match(path):
            self._copy(path, read, news, scratch)
            return
        settled = time.time() - stat.st_mtime > SETTLED_S and not copy and _ends_whole(path)
        if settled:
            file = examine(path, scratch)
            news.files.append(file)
            news.direct[path] = changed(stat)
            self._logs[identity(stat)] = Known.of(path, stat.st_size, stat)
        else:
            examine(path, scratch)  # which rejects files that are no logs
            self._copy(path, 0, news, scratch)

    def _begin_packed(
        self, path: Path, kind: Kind, news: News, scratch: Path, first: bool
    ) -> None:
        candidates = () if first else (*self._lost, *self._logs.values())
        if not candidates:
            self._take(path, examine(path, scratch), news)
            return
        content = scratch / f"unpacked-{len(news.files)}.json"
        try:
            with content.open("wb") as out:
                for piece in unpacked(path, kind):
                    out.write(piece)
        except DamageError:
            if time.time() - path.stat().st_mtime < SETTLED_S:
                return  # it is being written
            self._take(path, examine(path, scratch), news)
            return
        read = self._match(content, path)
        if not read:
            content.unlink()
            self._take(path, examine(path, scratch), news)
            return
        rest = scratch / f"rest-{len(news.files)}.json"
        if _copy_lines(content, read, rest) > read:
            news.files.append(LogFile(rest, rest, "plain"))
        content.unlink()
        self._take(path, None, news)

    def _take(self, path: Path, file: LogFile | None, news: News) -> None:
        stat = path.stat()
        self._packed[identity(stat)] = changed(stat)
        if file is not None:
            news.files.append(file)
            news.direct[path] = changed(stat)

    def _match(self, content: Path, path: Path | None = None) -> int:
        """How much of `content` was read already, in a log that it is a copy of; 0: nothing."""
        lost = [known for known in self._lost if known.is_start_of(content)]
        if lost:
            known = max(lost, key=lambda one: one.offset)
            self._lost.remove(known)
            return known.offset
        for known in self._logs.values():
            read = known.offset if known.is_start_of(content) else known.begins_with(content)
            if read:
                name = path or content
                self._notes.setdefault(f"{name} repeats {known.path}: its lines count once")
                return read
        return 0

    def _copy(self, path: Path, offset: int, news: News, scratch: Path) -> None:
        """Copy the whole lines from `offset` on, and remember the log as read so far."""
        stat = path.stat()
        part = scratch / f"part-{len(news.files)}.json"
        end = _copy_lines(path, offset, part)
        if end > offset:
            news.files.append(LogFile(part, part, "plain"))
        known = Known.of(path, end, stat)
        self._logs[known.identity] = known

    def _forget(self, seen: set[Identity]) -> None:
        """Forget logs whose files are gone, though copies of them may appear later."""
        for gone in [key for key in self._logs if key not in seen]:
            self._lose(self._logs.pop(gone))
        for gone in [key for key in self._packed if key not in seen]:
            del self._packed[gone]

    def _lose(self, known: Known) -> None:
        if known.offset:
            self._lost = [*self._lost, known][-_REMEMBERED:]

    def _missing(self) -> Iterator[str]:
        """Logs that were read and are nowhere now: `analyze` would not see their lines."""
        held = {(one.first, one.offset) for one in self._logs.values()}
        gone = [
            one
            for one in self._lost
            if not any(first == one.first and end >= one.offset for first, end in held)
        ]
        if gone:
            names = ", ".join(sorted({one.path.name for one in gone})[:3])
            yield (
                f"{len(gone)} log{'s' if len(gone) > 1 else ''} that were read are no longer "
                f"there ({names}{', ...' if len(gone) > 3 else ''}): their lines still count here"
            )


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 1, 0))
        return file.read() in (b"\n", b"")


def _copy_lines(path: Path, offset: int, part: Path) -> int:
    """Copy whole lines from `offset` on; where they end.

    What follows the last newline is a line too where it is a whole object of JSON.
    """
    with path.open("rb") as file, part.open("wb") as out:
        file.seek(offset)
        shutil.copyfileobj(file, out, _CHUNK)
    with part.open("rb+") as out:
        size = out.seek(0, 2)
        end = last_newline(out, size)
        out.seek(end)
        rest = out.read(_COMPLETE_LINE)
        if rest and end + len(rest) == size and _is_object(rest):
            return offset + size
        out.truncate(end)
    return offset + end


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
