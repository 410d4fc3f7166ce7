"""What to ship: the lines that are not in the record yet, packed into parts."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from script.shipping.compression import DAMAGE, decoded
from script.shipping.duplicates import is_beginning
from script.shipping.errors import InputError, ShipError
from script.shipping.manifest import Known, Manifest, Piece
from script.shipping.sources.directory import COMPRESSED, LogFile
from script.shipping.targets.base import Target


class Range(NamedTuple):
    """The bytes [start, end) of a log that were not shipped yet."""

    log: LogFile
    source: str
    start: int
    end: int
    follows: str | None = None
    """The source of the first `start` bytes, if this log was truncated and then continued."""

    def piece(self) -> Piece:
        first, check = self.log.first, self.log.check(self.end)
        return Piece(self.source, self.log.name, self.start, self.end, first, check, self.follows)


@dataclass(frozen=True)
class Diff:
    """Ranges to ship; logs that are at the target already, and logs shorter than there."""

    ranges: list[Range]
    unchanged: list[LogFile]
    shorter: list[LogFile]


def diff(logs: Sequence[LogFile], manifest: Manifest, target: Target) -> Diff:
    """Compare logs with the record.

    A log is identified by its first line, and has grown if it begins with what was shipped,
    whatever its name. One that begins alike and then differs was truncated and continued, or is
    such a copy: the common part is not sent again. Raises InputError if it cannot be determined.
    """
    known = manifest.known()
    left = {first: list(logs_of) for first, logs_of in known.items()}
    new: dict[str, list[Range]] = {}
    found = Diff([], [], [])
    others: list[tuple[LogFile, list[Known]]] = []
    for log in logs:
        candidates = left.get(log.first, [])
        match = _match(log, candidates)
        if match is None:
            match = _before_it_was_packed(log, candidates) if log.is_compressed else None
            if match is None:
                others.append((log, known.get(log.first, [])))
            else:
                candidates.remove(match)
                found.unchanged.append(log)
            continue
        candidates.remove(match)
        if match.end == log.size:
            found.unchanged.append(log)
        elif log.is_compressed:
            raise InputError(
                f"{log.path}: compressed log changed after shipping; compressed logs "
                "must not be appended to"
            )
        else:
            grown = Range(log, match.source, match.end, log.size)
            found.ranges.append(grown)
            new.setdefault(log.first, []).append(grown)
    for log, candidates in others:
        if log.is_compressed and candidates:
            if not _was_shipped(log, candidates, manifest, target):
                raise InputError(f"{log.path}: compressed log changed after shipping; unpack it")
            found.shorter.append(log)
            continue
        # If it was truncated more than once, the one shipped last has most of it.
        shipped = [
            (_common(log, _shipped(other.source, manifest, target)), other.source)
            for other in candidates
        ]
        # Copies of one log that were both continued.
        alike = new.setdefault(log.first, [])
        here = [
            (_common(log, other.log.chunks()), other.source)
            for other in alike
            if not (log.is_compressed or other.log.is_compressed)
        ]
        start, follows = max([*shipped, *here], default=(0, None))
        if start == log.size:
            found.shorter.append(log)
        else:
            source = secrets.token_hex(8)
            rest = Range(log, source, start, log.size, follows if start else None)
            found.ranges.append(rest)
            alike.append(rest)
    return found


def pack(
    ranges: Iterable[Range], part_bytes: int, by_recommender: bool = False
) -> Iterator[list[Range]]:
    """Parts of about `part_bytes`: small logs combined, large ones split at line ends.

    Only logs of the same compression are combined, as compressed logs cannot be split; with
    `by_recommender` only those of the same recommender, and each compressed log is a part.
    """
    waiting: dict[str, tuple[list[Range], int]] = {}
    for span in ranges:
        kind = span.log.path.suffix if span.log.is_compressed else ""
        if by_recommender:
            kind = span.source if kind else span.log.folder
        for piece in _cut(span, part_bytes):
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


def _cut(span: Range, part_bytes: int) -> Iterator[Range]:
    start = span.start
    # No small remainder: each file costs HDFS some tenths of a second.
    while not span.log.is_compressed and span.end - start > 1.25 * part_bytes:
        end = span.log.line_end(start + part_bytes - 1)
        yield span._replace(start=start, end=end)
        start = end
    if start < span.end:
        yield span._replace(start=start)


def _was_shipped(
    log: LogFile, candidates: Sequence[Known], manifest: Manifest, target: Target
) -> bool:
    """Whether a compressed log is the beginning of another log that was shipped."""
    with suppress(*DAMAGE):
        for known in candidates:
            lines = decoded(log.chunks(), log.path.name)
            if is_beginning(lines, _shipped(known.source, manifest, target)):
                return True
    return False


def _common(log: LogFile, shipped: Iterator[bytes]) -> int:
    """Number of bytes of complete lines that this log shares with what was shipped of it."""
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
    """The bytes of a log as stored at the target."""
    pieces = manifest.pieces_of(source)
    if pieces and (follows := pieces[0][1].follows):
        yield from _slice(_shipped(follows, manifest, target), 0, pieces[0][1].start)
    for record, piece in pieces:
        [file, *others] = record.files
        if others or file.name.endswith(".parquet"):
            raise InputError(
                f"{piece.name}: was truncated after it was shipped as Parquet, so what the target "
                "has of it cannot be determined; move it away, or ship to another directory"
            )
        if file.sealed and target.checksum(file.name, file.start, file.bytes) != file.sealed:
            raise ShipError(f"{file.name} at {target}: holds other bytes than were sent")
        start = sum(before.end - before.start for before in _until(record.pieces, piece))
        end = start + piece.end - piece.start
        content = target.read(file.name)
        if not piece.name.endswith(COMPRESSED):
            unpacked = decoded(content, file.name)
            yield from _slice(unpacked, file.start + start, file.start + end)
        elif file.name.endswith(COMPRESSED):
            yield from decoded(_slice(content, start, end), file.name)
        else:  # it was decompressed, and is alone in its part
            yield from _slice(content, file.start, file.start + file.bytes)


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


def read_part(
    part: Sequence[Range], seen: Callable[[bytes], object], unpacks: bool = False
) -> Iterator[bytes]:
    """The bytes of a part, in chunks, decompressed if it `unpacks`; calls `seen` with those read.

    Raises InputError if a compressed log is damaged.
    """

    def watched(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            seen(chunk)
            yield chunk

    for span in part:
        chunks = watched(span.log.chunks(span.start, span.end))
        if unpacks and span.log.is_compressed:
            yield from _lines(chunks, span.log)
        else:
            yield from chunks


def _lines(chunks: Iterable[bytes], log: LogFile) -> Iterator[bytes]:
    last = b"\n"
    try:
        for chunk in decoded(chunks, log.path.name, is_whole=True):
            yield chunk
            last = chunk[-1:] or last
    except DAMAGE as error:
        raise InputError(
            f"{log.path}: is damaged ({error}); repair it, or use --flat to ship it unchanged"
        ) from None
    if last != b"\n":
        yield b"\n"
