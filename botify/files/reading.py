"""Files that somebody else writes: opened without waiting, refused whatever is wrong with them."""

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
    """The file, open for reading. Raises InputError where it cannot be, or is no regular file.

    A pipe would be waited for, and a device such as /dev/zero has no end.
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
def refusing(path: Path) -> Iterator[None]:
    """Whatever reading the file raises becomes an InputError that names it.

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


def check_kept(path: Path, what: str, had: int, kept: int, least: float) -> None:
    """Raises InputError where a new version keeps less than the share `least` of what is there."""
    if kept < least * had:
        raise InputError(
            f"{path}: only {kept:,} of the {had:,} {what} in service are in it, less than "
            f"least_kept ({least:g}); if that is meant, lower least_kept in the config, or load "
            "a list with --force"
        )
