"""Temporary directories that do not pile up, however their owners end."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "owned"


@contextmanager
def scratch(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A directory in `parent` (where None, the system's place for such), removed at the end.

    Removes as well what owners left that were killed: a directory is owned while some process
    holds the lock on the file in it, the owner or a fork of it.
    """
    prefix = f"botify-{kind}-"
    place = parent or Path(tempfile.gettempdir())
    _sweep(place, prefix)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    # Locked before it has its name: a sweep sees no directory that is not owned yet.
    lock = os.open(directory / ".new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (directory / ".new").rename(directory / _LOCK)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _sweep(place: Path, prefix: str) -> None:
    for path in place.glob(f"{prefix}*/{_LOCK}"):
        with suppress(OSError):  # in use, another user's, or gone meanwhile
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent, ignore_errors=True)
            finally:
                os.close(lock)
