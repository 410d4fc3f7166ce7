"""Temporary directories that are removed even if their owners are killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "owned"


@contextmanager
def temporary_directory(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A directory in `parent` (None: the system's default), removed at the end.

    Also removes directories of this kind whose owners were killed: a directory has an owner while
    a process, the owner or a fork of it, holds the lock on the file in it.
    """
    prefix = f"botify-{kind}-"
    place = parent or Path(tempfile.gettempdir())
    _sweep(place, prefix)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    # Locked before it has its name: a sweep sees no directory without an owner.
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
