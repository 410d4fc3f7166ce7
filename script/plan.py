"""What is to be shipped: the lines that the record does not have yet, packed into parts."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from script.encode import DAMAGE, decoded
from script.errors import InputError
from script.manifest import Known, Manifest, Piece
from script.sources import LogFile
from script.targets import Target


class Range(NamedTuple):
    """The bytes [start, end) of a log that nobody shipped."""

    log: LogFile
    source: str
    start: int
    end: int
    follows: str | None = None
    """The source whose first `start` bytes come before, where this one was cut and written on."""

    def piece(self) -> Piece:
        first, check = self.log.first, self.log.check(self.end)
        return Piece(self.source, self.log.name, self.start, self.end, first, check, self.follows)


@dataclass(frozen=True)
class Plan:
    """Ranges to ship; which logs are there already, and which are shorter than what is there."""

    ranges: list[Range]
    unchanged: list[LogFile]
    shorter: list[LogFile]


def plan(logs: Sequence[LogFile], manifest: Manifest, target: Target) -> Plan:
    """Compare logs with the record.

    A log is known by its first line, and grew if its beginning is what was shipped, whatever its
    name. One that begins alike and then differs was cut and written on: what both have in common
    is not sent again. Raises InputError where that cannot be found out.
    """
    known = manifest.known()
    found = Plan([], [], [])
    others: list[tuple[LogFile, list[Known]]] = []
    for log in logs:
        candidates = known.get(log.first, [])
        match = _match(log, candidates)
        if match is None:
            match = _before_it_was_packed(log, candidates) if log.is_compressed else None
            if match is None:
                others.append((log, candidates))
            else:
                candidates.remove(match)
                found.unchanged.append(log)
            continue
        candidates.remove(match)  # another log that begins alike is another log
        if match.end == log.size:
            found.unchanged.append(log)
        elif log.is_compressed:
            raise InputError(f"{log.path}: grew after it was shipped; a compressed log must not")
        else:
            found.ranges.append(Range(log, match.source, match.end, log.size))
    for log, candidates in others:
        # It may have been cut more than once: the last that was shipped of it has most of it.
        start, follows = max(
            ((_common(log, some, manifest, target), some.source) for some in candidates),
            default=(0, None),
        )
        if start == log.size:
            found.shorter.append(log)
        else:
            found.ranges.append(Range(log, secrets.token_hex(8), start, log.size, follows))
    return found


def pack(ranges: Iterable[Range], part_bytes: int) -> Iterator[list[Range]]:
    """Parts of about so many bytes: small logs together, large ones cut at line ends.

    Logs of one compression go together, as what is compressed cannot be cut.
    """
    waiting: dict[str, tuple[list[Range], int]] = {}
    for some in ranges:
        kind = some.log.path.suffix if some.log.is_compressed else ""
        for piece in _cut(some, part_bytes):
            part, size = waiting.pop(kind, ([], 0))
            part.append(piece)
            size += piece.end - piece.start
            if size >= part_bytes:
                yield part
            else:
                waiting[kind] = part, size
    yield from (part for part, _ in waiting.values())


def _match(log: LogFile, candidates: Sequence[Known]) -> Known | None:
    """The one that is the beginning of this log; of several alike that of its name."""
    found = [
        known
        for known in candidates
        if known.end <= log.size and known.check == log.check(known.end)
    ]
    return max(found, key=lambda known: (known.name == log.name, known.end), default=None)


def _before_it_was_packed(log: LogFile, candidates: Sequence[Known]) -> Known | None:
    """The log that was shipped as lines, and is compressed since."""
    with suppress(*DAMAGE):
        for known in candidates:
            size, check = log.unpacked_check(known.end)
            if check == known.check:
                if size > known.end:
                    raise InputError(
                        f"{log.path}: was compressed before its last lines were shipped; unpack it"
                    )
                return known
    return None


def _cut(some: Range, part_bytes: int) -> Iterator[Range]:
    start = some.start
    # No small rest: each file costs HDFS some tenths of a second.
    while not some.log.is_compressed and some.end - start > 1.25 * part_bytes:
        end = some.log.line_end(start + part_bytes - 1)
        yield some._replace(start=start, end=end)
        start = end
    if start < some.end:
        yield some._replace(start=start)


def _common(log: LogFile, known: Known, manifest: Manifest, target: Target) -> int:
    """How many bytes of whole lines begin both this log and what was shipped of it."""
    if log.is_compressed:
        raise InputError(f"{log.path}: changed after it was shipped; rename it to ship it anew")
    shipped = _shipped(known.source, manifest, target)
    same = 0
    rest = b""
    for chunk in log.chunks():
        while len(rest) < len(chunk) and (more := next(shipped, None)) is not None:
            rest += more
        theirs, rest = rest[: len(chunk)], rest[len(chunk) :]
        if chunk == theirs:
            same += len(chunk)
            continue
        alike = next(
            (i for i, (a, b) in enumerate(zip(chunk, theirs, strict=False)) if a != b),
            min(len(chunk), len(theirs)),
        )
        return _line_start(log, same + alike)
    return same


def _line_start(log: LogFile, at: int) -> int:
    """Where the line that holds byte `at` begins."""
    position = 0
    start = 0
    for chunk in log.chunks(0, at):
        if (newline := chunk.rfind(b"\n")) >= 0:
            start = position + newline + 1
        position += len(chunk)
    return start


def _shipped(source: str, manifest: Manifest, target: Target) -> Iterator[bytes]:
    """The bytes of a log that lie at the target."""
    pieces = manifest.pieces_of(source)
    if pieces and (follows := pieces[0][1].follows):
        yield from _slice(_shipped(follows, manifest, target), 0, pieces[0][1].start)
    for record, piece in pieces:
        [file, *others] = record.files
        if others or file.name.endswith(".parquet"):
            raise InputError(
                f"{piece.name}: was cut after it was shipped as Parquet, so what of it is there "
                "cannot be told; rename it to ship it anew"
            )
        before = sum(some.end - some.start for some in _until(record.pieces, piece))
        content = decoded(target.read(file.name), file.name)
        yield from _slice(content, before, before + piece.end - piece.start)


def _until(pieces: Sequence[Piece], last: Piece) -> Sequence[Piece]:
    return pieces[: pieces.index(last)]


def _slice(chunks: Iterable[bytes], start: int, end: int) -> Iterator[bytes]:
    position = 0
    for chunk in chunks:
        inside = chunk[max(0, start - position) : max(0, end - position)]
        if inside:
            yield inside
        position += len(chunk)
        if position >= end:
            break


def joined(part: Sequence[Range], seen: Callable[[bytes], object]) -> Iterator[bytes]:
    """The bytes of a part, in pieces; `seen` is told each."""
    for chunk in chain.from_iterable(some.log.chunks(some.start, some.end) for some in part):
        seen(chunk)
        yield chunk
