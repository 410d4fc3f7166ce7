"""What is to be shipped: the lines that the record does not have yet, packed into parts."""

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
class Diff:
    """Ranges to ship; which logs are there already, and which are shorter than what is there."""

    ranges: list[Range]
    unchanged: list[LogFile]
    shorter: list[LogFile]


def diff(logs: Sequence[LogFile], manifest: Manifest, target: Target) -> Diff:
    """Compare logs with the record.

    A log is known by its first line, and grew if its beginning is what was shipped, whatever its
    name. One that begins alike and then differs was cut and written on, or is a copy that was:
    what both have in common is not sent again. Raises InputError where that cannot be found out.
    """
    known = manifest.known()
    left = {first: list(some) for first, some in known.items()}
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
        # It may have been cut more than once: the last that was shipped of it has most of it.
        shipped = [
            (_common(log, _shipped(some.source, manifest, target)), some.source)
            for some in candidates
        ]
        # Copies of one log that both went on.
        alike = new.setdefault(log.first, [])
        here = [
            (_common(log, some.log.chunks()), some.source)
            for some in alike
            if not (log.is_compressed or some.log.is_compressed)
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
    """Parts of about so many bytes: small logs together, large ones cut at line ends.

    Logs of one compression go together, as what is compressed cannot be cut; `by_recommender`
    those of one recommender, and of compressed ones each by itself.
    """
    waiting: dict[str, tuple[list[Range], int]] = {}
    for some in ranges:
        kind = some.log.path.suffix if some.log.is_compressed else ""
        if by_recommender:
            kind = some.source if kind else some.log.folder
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


def _was_shipped(
    log: LogFile, candidates: Sequence[Known], manifest: Manifest, target: Target
) -> bool:
    """Whether all lines of a compressed log are the beginning of what was shipped of another."""
    with suppress(*DAMAGE):
        for known in candidates:
            lines = decoded(log.chunks(), log.path.name)
            if is_beginning(lines, _shipped(known.source, manifest, target)):
                return True
    return False


def _common(log: LogFile, shipped: Iterator[bytes]) -> int:
    """How many bytes of whole lines begin both this log and what was shipped of it."""
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
                "cannot be told; move it away, or ship to another directory"
            )
        if file.sealed and target.checksum(file.name, file.start, file.bytes) != file.sealed:
            raise ShipError(f"{file.name} at {target}: holds other bytes than were sent")
        start = sum(some.end - some.start for some in _until(record.pieces, piece))
        end = start + piece.end - piece.start
        content = target.read(file.name)
        if not piece.name.endswith(COMPRESSED):
            unpacked = decoded(content, file.name)
            yield from _slice(unpacked, file.start + start, file.start + end)
        elif file.name.endswith(COMPRESSED):
            yield from decoded(_slice(content, start, end), file.name)
        else:  # it was unpacked, and is the only one of its part
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
    """The bytes of a part, in pieces, as lines where it `unpacks`; `seen` is told those read.

    Raises InputError where a compressed log is damaged.
    """

    def watched(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            seen(chunk)
            yield chunk

    for some in part:
        chunks = watched(some.log.chunks(some.start, some.end))
        if unpacks and some.log.is_compressed:
            yield from _lines(chunks, some.log)
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
