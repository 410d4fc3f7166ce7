"""serve.json: how other commands find a running service."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from botify.errors import InputError

_log = logging.getLogger("botify.running")


class Running(NamedTuple):
    """A service that says it runs."""

    pid: int
    url: str
    redis_url: str | None
    """Where its embedded Valkey listens; None where it uses the Redis it was given."""


@contextmanager
def announced(data_dir: Path, running: Running) -> Iterator[None]:
    """Keep `<data_dir>/serve.json` for as long as the service runs, where it can be written."""
    path = _path(data_dir)
    aside = path.with_suffix(f".{running.pid}")
    try:
        aside.write_text(json.dumps(running._asdict()) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        reason = error.strerror
        _log.warning("%s: cannot be written (%s), so no command finds this service", path, reason)
        yield
        return
    try:
        yield
    finally:
        # Another service on the same data may have taken the file over.
        found = find_running(data_dir)
        if found is not None and found.pid == running.pid:
            path.unlink(missing_ok=True)


def find_running(data_dir: Path) -> Running | None:
    """The service that runs on this data, None where none does. Raises InputError."""
    path = _path(data_dir)
    try:
        running = Running(**json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(running.pid, int) or not 0 < running.pid < 2**31:
            raise ValueError(f"pid {running.pid!r}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and serve again") from error
    with suppress(PermissionError):  # alive, another user's
        try:
            os.kill(running.pid, 0)
        except ProcessLookupError:
            return None  # it was killed and could not clean up
    return running


def _path(data_dir: Path) -> Path:
    return data_dir / "serve.json"
