"""Sends lines again that the target lost, if a log still has them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from script.shipping.diff import Range
from script.shipping.manifest import Manifest, Piece, Record
from script.shipping.sources.directory import LogFile


@dataclass(frozen=True)
class Resend:
    """Parts to send, the records they replace, and pieces that no log has any more."""

    parts: list[list[Range]]
    replaced: list[Record]
    lost: list[Piece]


def resend(damaged: Sequence[Record], manifest: Manifest, logs: Sequence[LogFile]) -> Resend:
    """How to repair the damaged records. A record with a lost piece stays as it is."""
    rest = manifest.without(damaged)
    by_first: dict[str, list[LogFile]] = {}
    for log in logs:
        by_first.setdefault(log.first, []).append(log)
    parts: list[tuple[Record, list[Range]]] = []
    lost: list[Piece] = []
    spoiled: set[str] = set()
    for record in damaged:
        ranges = []
        for piece in record.pieces:
            if rest.has(piece):  # already sent again, by a run that was killed afterwards
                continue
            holder = _holder(piece, by_first.get(piece.first, ()))
            if holder is None:
                lost.append(piece)
                spoiled.update(file.name for file in record.files)
            else:
                ranges.append(Range(holder, piece.source, piece.start, piece.end, piece.follows))
        parts.append((record, ranges))
    # Of a file that grew, all records are repaired or none.
    good = [pair for pair in parts if not any(file.name in spoiled for file in pair[0].files)]
    return Resend([part for _, part in good if part], [record for record, _ in good], lost)


def _holder(piece: Piece, logs: Iterable[LogFile]) -> LogFile | None:
    """The log that still has the bytes of a piece."""
    for log in logs:
        fits = log.size == piece.end if log.is_compressed else log.size >= piece.end
        if fits and log.check(piece.end) == piece.check:
            return log
    return None
