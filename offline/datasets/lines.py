"""Lines of the text files of data sets."""

from pathlib import Path

from contract.jsonlines import BOM
from offline.errors import InputError


def read_lines(path: Path, source: str) -> list[bytes]:
    """The lines of a file without their ends, which are newlines, carriage returns, or both.

    A byte order mark is no part of the first. Raises InputError for a missing file, saying with
    `source` where to get it.
    """
    try:
        # Not of str, which ends lines at form feeds and the like as well.
        return path.read_bytes().removeprefix(BOM).splitlines()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file: {source}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def shown(line: bytes) -> str:
    """The beginning of a line, for a message."""
    return repr(line[:60].decode("utf-8", "replace").strip(" "))
