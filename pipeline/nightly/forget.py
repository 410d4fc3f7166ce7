"""Removes a user's lines from the event logs of a directory, and records that it did.

Each file is rewritten beside itself and takes its place in one step. The record says first what
will be removed, and at the end that it was: after a kill there is a beginning without an end, and
the same command removes the rest.
"""

import fcntl
import gzip
import hashlib
import hmac
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from contract.events import MESSAGES
from contract.ids import canonical_digits, owner_id, user_digits
from pipeline.nightly.directory import StopNightError, locked, now
from pipeline.nightly.logs import log_files

RECORD = "forgotten.jsonl"
_LEAST_KEY = 16
_ASIDE = ".forget-"


class Forgotten(NamedTuple):
    """What was removed."""

    hash: str
    """HMAC-SHA-256 of the id by the key; 64 hexadecimal digits."""
    lines: dict[str, int]
    """Removed lines by file, named from the log's directory; files without any are left out."""
    unreadable: int
    """Lines that are no JSON objects. They are kept, and may be of anybody."""


def read_key(file: Path) -> bytes:
    """Raises StopNightError if there are fewer than 16 bytes, white space around them aside."""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise StopNightError(f"the key cannot be read: {error}") from None
    if len(key) < _LEAST_KEY:
        raise StopNightError(f"{file}: a key has at least {_LEAST_KEY} bytes")
    return key


def forget(user: str, log: Path, key: bytes) -> Forgotten:
    """Remove the lines of the user, whose id may be a text or a number in them.

    Raises StopNightError, before anything is removed, if there are no logs, one cannot be read, or
    a service writes one.
    """
    if not log.is_dir():
        raise StopNightError(f"{log}: no such directory")
    with locked(log, "forget"), ExitStack() as locks:
        for left in log.rglob(f"{_ASIDE}*"):  # of a killed run
            left.unlink()
        # A link would be replaced by a file, and what it leads to would keep its lines.
        files = sorted({file.resolve() for file in log_files(log)})
        if not files:
            raise StopNightError(f"{log}: no data.json* is there")
        for file in files:
            _lock(file, locks)
        counts = {file: _count(file, user) for file in files}
        lines = {_name(file, log): ours for file, (ours, _) in counts.items() if ours}
        digest = hmac.new(key, user.encode(), hashlib.sha256).hexdigest()
        found = Forgotten(digest, lines, sum(other for _, other in counts.values()))
        _record(log, "begin", found)
        for file, (ours, _) in counts.items():
            if ours:
                _rewrite(file, user)
        _record(log, "end", found)
    return found


def _name(file: Path, log: Path) -> str:
    root = log.resolve()
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _lock(file: Path, locks: ExitStack) -> None:
    """As the service does, which would go on writing to the file that was replaced."""
    handle = locks.enter_context(file.open("rb"))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StopNightError(
            f"{file}: a service is writing it; stop the service, and run the command again"
        ) from None


def _open(file: Path, mode: str) -> BinaryIO:
    if file.suffix == ".gz":
        return cast(BinaryIO, gzip.open(file, mode))
    return cast(BinaryIO, file.open(mode))


def _lines(file: Path, user: str) -> Iterator[tuple[bytes, bool, bool]]:
    """Each line, whether it is the user's, and whether it can be read."""
    with _open(file, "rb") as content:
        for line in content:
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                yield line, _is_of(row, user), True
            else:
                yield line, False, not line.strip()


def _is_of(row: dict[str, Any], user: str) -> bool:
    if row.get("message") in MESSAGES:  # of the music face, whose ids are numbers
        found = user_digits(row.get("user"))
        return found is not None and found == canonical_digits(user)
    return owner_id(row.get("user")) == user


def _count(file: Path, user: str) -> tuple[int, int]:
    """Lines of the user, and lines that cannot be read."""
    if file.suffix == ".zst":
        raise StopNightError(f"{file}: unpack it first, or pack it by gzip")
    ours = unreadable = 0
    try:
        for _, theirs, readable in _lines(file, user):
            ours += theirs
            unreadable += not readable
    except (OSError, EOFError) as error:
        raise StopNightError(f"{file} cannot be read: {error}") from None
    return ours, unreadable


def _rewrite(file: Path, user: str) -> None:
    aside = file.with_name(f"{_ASIDE}{file.name}")
    with _open(aside, "wb") as kept:
        for line, theirs, _ in _lines(file, user):
            if not theirs:
                kept.write(line)
    shutil.copymode(file, aside)
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(aside, file)


def _record(log: Path, action: str, found: Forgotten) -> None:
    content: dict[str, Any] = {
        "time": now(),
        "action": action,
        "user_hash": found.hash,
        "files": found.lines,
    }
    content |= {"lines": sum(found.lines.values()), "unreadable_lines": found.unreadable}
    with (log / RECORD).open("a") as file:
        file.write(json.dumps(content) + "\n")
        file.flush()
        os.fsync(file.fileno())
