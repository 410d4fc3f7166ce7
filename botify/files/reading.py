"""Files that others write: opened without blocking; any problem becomes an InputError."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from botify.errors import InputError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> BufferedReader:
    """The file, open for reading. Raises InputError if it cannot be, or is not a regular file.

    A pipe would block, and a device such as /dev/zero has no end.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise InputError(f"{path}: is {_KINDS.get(kind, 'something else')}, not a regular file")
    return os.fdopen(handle, "rb")


@contextmanager
def as_input_errors(path: Path) -> Iterator[None]:
    """Turns every error of reading and parsing the file into an InputError that names it.

    Parsers raise more than they document, such as a RecursionError for 100,000 brackets.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".rstrip(": ").split())
        raise InputError(f"{path}: cannot be read ({reason})") from error


def check_kept(path: Path, what: str, had: int, kept: int, min_kept: float) -> None:
    """Raises InputError if a new version keeps less than the share `min_kept` of the old one."""
    if kept < min_kept * had:
        raise InputError(
            f"{path}: only {kept:,} of the {had:,} {what} in service are in it, less than "
            f"least_kept ({min_kept:g}); if that is intended, lower least_kept in the config, "
            "or load a list with --force"
        )
