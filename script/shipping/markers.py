"""Markers beside local logs: `.NAME.shipped` contains how many bytes of NAME are shipped.

With `log.delete_shipped` the service deletes finished files that are marked to their last byte;
nothing is deleted here.
"""

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from script.shipping.errors import LogChangedError
from script.shipping.sources.directory import LogFile


def mark_shipped(logs: Iterable[LogFile]) -> None:
    """Mark logs whose complete lines are all at the target, verified. Raises OSError."""
    for log in logs:
        if not log.is_in_place():  # another log has its name by now
            continue
        marker = _marker(log)
        text = str(log.size).encode()
        if marker.exists() and marker.read_bytes() == text:
            continue
        # Someone who may write to the log directory must not choose what is overwritten.
        new = marker.with_name(f"{marker.name}.{token_hex(4)}")
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "wb") as opened:
            opened.write(text)
        new.replace(marker)


def unmark(logs: Iterable[LogFile], firsts: Collection[str]) -> list[str]:
    """Remove the markers of logs whose `first` is in `firsts`; returns the names of these logs.

    Their lines may be missing at the target, and these logs may be the last to have them.
    """
    found = []
    for log in logs:
        with suppress(LogChangedError, FileNotFoundError):
            if log.first in firsts:
                _marker(log).unlink()
                found.append(log.name)
    return found


def _marker(log: LogFile) -> Path:
    return log.path.with_name(f".{log.path.name}.shipped")
