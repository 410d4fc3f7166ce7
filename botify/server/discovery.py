"""serve.json, serve-2.json, ...: how other commands find the services that run on a directory.

A service holds a lock on its record for as long as it runs, so that those of killed ones are
known, and taken over by the next that starts.
"""

import fcntl
import json
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from botify.errors import InputError
from botify.files.reading import open_regular, refusing

_NAME = re.compile(r"serve(-[0-9]+)?\.json")

_log = logging.getLogger("botify.server.discovery")


class Running(NamedTuple):
    """A service that says it runs."""

    pid: int
    url: str
    redis_url: str | None
    """Where its embedded Valkey listens; None where it uses the Redis it was given."""


@contextmanager
def announced(data_dir: Path, running: Running) -> Iterator[None]:
    """Keep a record of the service for as long as it runs, where the directory can be written."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_record(data_dir, running))
        except OSError as error:
            _log.warning(
                "%s: no record of this service can be kept there (%s), so no command finds it",
                data_dir,
                error.strerror,
            )
        yield


def find_running(data_dir: Path) -> list[Running]:
    """The services that run on this data. Raises InputError where a record is damaged."""
    found = []
    for path in _records(data_dir):
        try:
            with open_regular(path) as file, refusing(path):
                if _lock(file.fileno(), fcntl.LOCK_SH):
                    continue  # nobody holds it: it was killed
                running = Running(**json.loads(file.read()))
                if not isinstance(running.url, str) or not isinstance(running.pid, int):
                    raise InputError(f"{path}: no record of a service; start that again")
                found.append(running)
        except InputError:
            if path.exists():  # it may have ended just now
                raise
    return found


@contextmanager
def _record(data_dir: Path, running: Running) -> Iterator[None]:
    handle, name = tempfile.mkstemp(prefix=".serve-", dir=data_dir)
    aside, path = Path(name), None
    try:
        # Whole and locked before it has a name that is looked for.
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, json.dumps(running._asdict()).encode() + b"\n")
        os.fchmod(handle, 0o644)
        _sweep(data_dir)
        for number in count(1):
            path = data_dir / ("serve.json" if number == 1 else f"serve-{number}.json")
            with suppress(FileExistsError):
                os.link(aside, path)
                break
        aside.unlink()
        yield
    finally:
        for mine in (aside, path):
            if mine is not None and _is(mine, handle):
                mine.unlink()
        os.close(handle)


def _sweep(data_dir: Path) -> None:
    """Remove the records of services that were killed."""
    for path in _records(data_dir):
        with suppress(OSError, InputError), open_regular(path) as file:
            # Locked, as somebody else may sweep; and the name may be another's by now.
            if _lock(file.fileno(), fcntl.LOCK_EX) and _is(path, file.fileno()):
                path.unlink()


def _records(data_dir: Path) -> list[Path]:
    found = data_dir.glob("serve*.json")
    return sorted(path for path in found if _NAME.fullmatch(path.name))


def _lock(handle: int, kind: int) -> bool:
    """Whether nobody held it."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False
