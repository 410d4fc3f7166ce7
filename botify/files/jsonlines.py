"""JSON in and out: JSON Lines with line numbers, and integers of any size."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import orjson

from botify.errors import InputError
from botify.files.reading import open_regular, refusing
from contract.errors import FormatError
from contract.jsonlines import BOM, parse_line

LONGEST_LINE = 2**24
"""Bytes: a longer line is no list and no track, and a file of one line without end is not read."""
_LARGEST = 2**30
"""Bytes of a file that is one JSON value."""


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON of `value`, integers of any size included."""
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson stops at 64 bits; a user id does not
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read_bytes(path: Path) -> bytes:
    """The content of the file; an InputError where it cannot be read."""
    with open_regular(path) as file, refusing(path):
        check_size(path, file)
        return file.read()


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("file:line", object) for each line of a JSON Lines file; empty lines are skipped.

    Raises InputError where the file cannot be read, or a line is not a JSON object.
    """
    with open_regular(path) as file, refusing(path):
        for number, line in enumerate(bounded_lines(path, file), 1):
            line = line.removeprefix(BOM)
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                value = _loads(line)
            except (ValueError, RecursionError) as error:
                value = _parsed(place, line, error)
            if not isinstance(value, dict):
                raise InputError(f"{place}: expected a JSON object")
            yield place, value


def bounded_lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """The lines of an open file; raises InputError for one without end."""
    lines = iter(lambda: file.readline(LONGEST_LINE + 1), b"")
    for number, line in enumerate(lines, 1):
        _check_length(f"{path}:{number}", line)
        yield line


def check_first_line(path: Path, file: BinaryIO) -> None:
    """Raises InputError where no line ends in time; the file is at its beginning afterwards."""
    _check_length(f"{path}:1", file.readline(LONGEST_LINE + 1))
    file.seek(0)


def check_size(path: Path, file: BinaryIO) -> None:
    """Raises InputError for a file that is too large to be one JSON value."""
    size = os.fstat(file.fileno()).st_size
    if size > _LARGEST:
        raise InputError(f"{path}: {size:,} bytes; {_LARGEST:,} are the most")


def _check_length(place: str, line: bytes) -> None:
    if len(line) > LONGEST_LINE:
        raise InputError(f"{place}: a line of more than {LONGEST_LINE:,} bytes")


def _parsed(place: str, line: bytes, error: Exception) -> Any:
    """What orjson refused: NaN, which pandas writes, or no JSON."""
    try:
        return parse_line(line)
    except (FormatError, RecursionError):
        raise InputError(f"{place}: not JSON ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Why a text is not JSON, in a few words."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno}"
    return str(error)


def _loads(line: bytes) -> Any:
    value = orjson.loads(line)
    if isinstance(value, dict) and isinstance(value.get("user"), float):
        return json.loads(line)  # orjson reads an integer beyond 64 bits as a float
    return value


def is_integer(value: object) -> TypeGuard[int]:
    """True for a JSON integer; JSON's true and false are Python ints, but not numbers."""
    return isinstance(value, int) and not isinstance(value, bool)
