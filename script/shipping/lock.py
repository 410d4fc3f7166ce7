"""A lock that allows one client per target on this machine."""

import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from secrets import token_hex

from script.shipping.errors import InputError
from script.shipping.targets.base import Target

_OWNER = re.compile(r"[0-9a-f]{16}")


@contextmanager
def exclusive_lock(target: Target) -> Iterator[str]:
    """Hold the lock of a target; yields the holder's name, which is the same in every run.

    The lock files are in the user's own runtime directory and, as cron has none, in the shared
    temporary one, where another user may have put something in their place: no link is followed,
    and nothing is written to a file that others own. Raises InputError if another process holds
    the lock, or no lock file can be used.
    """
    name = hashlib.sha256(target.place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with ExitStack() as stack:
        files: list[int] = []
        refused: InputError | None = None
        for place in [*_runtime_directory(), Path(tempfile.gettempdir())]:
            path = place / f"botify-ship-{os.getuid()}-{name}.lock"
            try:
                file = _open(path)
            except InputError as error:
                refused = error
                continue
            stack.enter_context(closing(os.fdopen(file)))
            files.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"another process is shipping to {target}; wait until it has finished"
                ) from None
        if refused is not None and not files:
            raise refused
        yield _owner(files)


def _runtime_directory() -> list[Path]:
    """$XDG_RUNTIME_DIR, or where it usually is; none where there is none of this user alone."""
    path = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    try:
        status = path.stat()
    except OSError:
        return []
    ours = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
    return [path] if ours and path.is_absolute() and not status.st_mode & 0o022 else []


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be used as a lock file ({error.strerror}); remove it, or set "
            "TMPDIR to another directory"
        ) from None
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_nlink != 1:
        os.close(file)
        raise InputError(
            f"{path}: cannot be used as a lock file (it is not a regular file owned by this "
            "user alone); remove it, or set TMPDIR to another directory"
        )
    return file


def _owner(files: list[int]) -> str:
    """The holder named in the lock files; written to those that are empty."""
    found = [os.pread(file, 16, 0).decode("ascii", "replace") for file in files]
    owner = next((text for text in found if _OWNER.fullmatch(text)), None) or token_hex(8)
    for file, text in zip(files, found, strict=True):
        if text != owner:
            os.pwrite(file, owner.encode(), 0)
    return owner
