"""One client at a time for one target, on this machine."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from script.errors import InputError
from script.targets import Target


@contextmanager
def only_one(target: Target) -> Iterator[None]:
    """Hold the lock of a target. Raises InputError where another process has it."""
    name = hashlib.sha256(target.place.encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"botify-ship-{os.getuid()}-{name}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another run is shipping to {target}; wait for its end") from None
        yield
