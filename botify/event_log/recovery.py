"""Continuing the log of a process that had its number before, however that one ended."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from botify.event_log.backlog import MAX_BACKLOG_BYTES
from botify.event_log.ledger import LOST, SPILLED, WRITTEN, Account
from botify.event_log.segments import (
    Segment,
    claim_number,
    lines_from,
    lock_file,
    numbers,
    path_of_key,
    same_file,
)
from botify.event_log.spill import Position, Spill, spill_path

ABANDONED_AFTER = 10.0
"""Seconds without a write to a spill file, after which it is taken over by any worker."""

_logger = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """The state that the previous process left under the log's number."""

    spill: Spill | None
    """With the waiting lines; None if there is no place for a spill file."""
    done: int
    """Bytes of the first waiting line that are at the end of the log's file."""


def recover(
    base: Path, claim: int, segment: Segment, account: Account, places: Sequence[Path]
) -> Recovered:
    """Find waiting lines, and correct the account of the process that had the number before.

    `segment`: the file that is appended to; `claim`: descriptor of the number's lock file. Raises
    OSError.
    """
    path = spill_path(os.fstat(claim), places)
    spill = Spill(path, MAX_BACKLOG_BYTES) if path else None
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
            "event log: %d events wait from a process that ended; writing them to %s",
            waiting,
            segment.path,
        )
    if lost := _settle(base, account, waiting):
        _logger.error(
            "event log: %d events were lost with the previous writer of %s",
            lost,
            segment.path,
        )
    return Recovered(spill, done)


def _skip_written(spill: Spill, position: Position, base: Path, segment: Segment) -> int:
    """Drop lines that are in the log already. Returns the bytes at the end of our file that belong
    to a line that is there in part."""
    file = same_file(base, position.device, position.inode)
    if file == segment.path:
        return spill.skip(position, segment.read)
    if file is not None:
        with file.open("rb") as old:
            spill.skip(position, lambda offset, size: os.pread(old.fileno(), size, offset))
    return 0


def _settle(base: Path, account: Account, waiting: int) -> int:
    """Correct the account by what is found. Returns the number of lost events."""
    cells, mark = account.cells, account.marked()
    counted = cells[WRITTEN] + cells[SPILLED]
    # A process killed between a write and its count has one more line in the file.
    file = same_file(base, mark.device, mark.inode)
    with suppress(OSError):
        if file and mark.written + lines_from(file, mark.size) == cells[WRITTEN] + 1:
            cells[WRITTEN] += 1
    gone = max(0, counted - cells[WRITTEN] - waiting)
    cells[LOST] += gone
    cells[SPILLED] = waiting
    return gone + account.count_lost_memory()


def orphans(directory: Path, places: Sequence[Path], now: float) -> Iterator[tuple[Path, int]]:
    """Numbers that no process has and under which lines wait; claims each, as `claim` does.

    Skips those written to recently: their workers are being replaced.
    """
    for base in numbers(directory):
        with suppress(OSError):
            path = spill_path(os.stat(lock_file(base)), places)
            if path and abs(now - path.stat().st_mtime) >= ABANDONED_AFTER:
                yield base, claim_number(base)


def outcome(directory: Path, key: int, places: Sequence[Path]) -> int | None:
    """The outcome of events that waited under a number; for `Ledger.write_off`."""
    base = path_of_key(directory, key)
    try:
        path = spill_path(os.stat(lock_file(base)), places)
        if path and path.exists():
            return None
        os.close(claim_number(base))
    except FileNotFoundError:
        return LOST  # without its lock file, the spill file cannot be found
    except BlockingIOError:
        return WRITTEN  # another service has the number, and writes what waits
    except OSError:
        return None
    return LOST
