"""Going on where a process stopped that had a log's number before, in whatever way."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from botify.event_log.backlog import LIMIT
from botify.event_log.ledger import LOST, SPILLED, WRITTEN, Account
from botify.event_log.segments import (
    Segment,
    base_of,
    claim_one,
    lines_from,
    lock_file,
    numbers,
    same_file,
)
from botify.event_log.spill import Position, Spill, spill_path

ABANDONED_AFTER = 10.0
"""Seconds for which nobody wrote to a spill file whose number nobody has."""

_logger = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """What was found of the log's number."""

    spill: Spill | None
    """With the lines that wait; None where there is no place for one."""
    done: int
    """Bytes of the first of them that are at the end of the file."""


def recover(
    base: Path, claim: int, segment: Segment, account: Account, places: Sequence[Path]
) -> Recovered:
    """See what waits, and settle the account of who had the number before.

    `segment` is the file that is gone on with, `claim` the descriptor of the number's lock file.
    Raises OSError.
    """
    path = spill_path(os.fstat(claim), places)
    spill = Spill(path, LIMIT) if path else None
    done = 0
    if spill is not None:
        try:
            position = spill.reopen()
        except OSError as error:
            _logger.error("event log: %s cannot be read: %s", path, error.strerror)
            spill, position = None, None
        if spill is not None and position is not None:
            done = _skip_written(spill, position, base, segment)
    waiting = spill.count if spill else 0
    if waiting:
        _logger.warning(
            "event log: %d events wait that a process left when it ended; %s gets them",
            waiting,
            segment.path,
        )
    if lost := _settle(base, account, waiting):
        _logger.error(
            "event log: %d events were lost with the worker that wrote %s before",
            lost,
            segment.path,
        )
    return Recovered(spill, done)


def _skip_written(spill: Spill, position: Position, base: Path, segment: Segment) -> int:
    """Drop what is in the files already; the bytes at the end of ours of what is so in part."""
    file = same_file(base, position.device, position.inode)
    if file == segment.path:
        return spill.skip(position, segment.read)
    if file is not None:
        with file.open("rb") as old:
            spill.skip(position, lambda offset, size: os.pread(old.fileno(), size, offset))
    return 0


def _settle(base: Path, account: Account, waiting: int) -> int:
    """Correct the account by what is there; returns how many events are not."""
    cells, mark = account.cells, account.marked()
    counted = cells[WRITTEN] + cells[SPILLED]
    # Who was killed between a write and its count has one more line in the file.
    file = same_file(base, mark.device, mark.inode)
    with suppress(OSError):
        if file and mark.written + lines_from(file, mark.size) == cells[WRITTEN] + 1:
            cells[WRITTEN] += 1
    gone = max(0, counted - cells[WRITTEN] - waiting)
    cells[LOST] += gone
    cells[SPILLED] = waiting
    return gone + account.bury()


def abandoned(directory: Path, places: Sequence[Path], now: float) -> Iterator[tuple[Path, int]]:
    """Numbers under which something waits and that nobody has; each is ours, as of `claim`.

    Left out is what was written to lately: who died is being replaced.
    """
    for base in numbers(directory):
        with suppress(OSError):
            path = spill_path(os.stat(lock_file(base)), places)
            if path and abs(now - path.stat().st_mtime) >= ABANDONED_AFTER:
                yield base, claim_one(base)


def fate(directory: Path, key: int, places: Sequence[Path]) -> int | None:
    """What became of events that wait under a number; as `Ledger.write_off` asks it."""
    base = base_of(directory, key)
    try:
        path = spill_path(os.stat(lock_file(base)), places)
        if path and path.exists():
            return None
        os.close(claim_one(base))
    except FileNotFoundError:
        return LOST  # with its lock file, its name is gone
    except BlockingIOError:
        return WRITTEN  # another service has the number, and what waited
    except OSError:
        return None
    return LOST
