"""serve.json, serve-2.json, ...: how other commands find the services that run on a directory.

A service holds a lock on its record while it runs, so that the records of killed services are
recognised, and removed by the next start.
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
from botify.files.reading import as_input_errors, open_regular

_NAME = re.compile(r"serve(-[0-9]+)?\.json")

_log = logging.getLogger("botify.server.discovery")


class ServiceRecord(NamedTuple):
    """A service that says it runs."""

    pid: int
    url: str
    redis_url: str | None
    """Its embedded Valkey; None if it uses a configured Redis."""


@contextmanager
def advertise(data_dir: Path, service: ServiceRecord) -> Iterator[None]:
    """Keep a record of the service while it runs, if the directory can be written."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_record(data_dir, service))
        except OSError as error:
            _log.warning(
                "%s: cannot keep the record of this service (%s): `botify lists load` will not "
                "find it",
                data_dir,
                error.strerror,
            )
        yield


def find_services(data_dir: Path) -> list[ServiceRecord]:
    """The services that run on this data. Raises InputError if a record is damaged."""
    found = []
    for path in _records(data_dir):
        try:
            with open_regular(path) as file, as_input_errors(path):
                if _lock(file.fileno(), fcntl.LOCK_SH):
                    continue  # not locked: the service was killed
                service = ServiceRecord(**json.loads(file.read()))
                if not isinstance(service.url, str) or not isinstance(service.pid, int):
                    raise InputError(f"{path}: not the record of a service; restart that service")
                found.append(service)
        except InputError:
            if path.exists():  # the service may have ended meanwhile
                raise
    return found


@contextmanager
def _record(data_dir: Path, service: ServiceRecord) -> Iterator[None]:
    handle, name = tempfile.mkstemp(prefix=".serve-", dir=data_dir)
    aside, path = Path(name), None
    try:
        # Complete and locked before it has its name.
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, json.dumps(service._asdict()).encode() + b"\n")
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
            # Locked: another process may sweep too. And the name may belong to a new record.
            if _lock(file.fileno(), fcntl.LOCK_EX) and _is(path, file.fileno()):
                path.unlink()


def _records(data_dir: Path) -> list[Path]:
    found = data_dir.glob("serve*.json")
    return sorted(path for path in found if _NAME.fullmatch(path.name))


def _lock(handle: int, kind: int) -> bool:
    """Whether it was free."""
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
