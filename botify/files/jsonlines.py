"""JSON in and out: JSON Lines with line numbers, and integers of any size."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

import orjson

from botify.errors import InputError
from botify.files.reading import as_input_errors, open_regular
from contract.errors import FormatError
from contract.jsonlines import BOM, parse_line

MAX_LINE_BYTES = 2**24
"""A longer line is refused; a file may be one endless line."""
_MAX_BYTES = 2**30
"""Of a file that is one JSON value."""


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON of `value`, integers of any size included."""
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson refuses integers beyond 64 bits; a user id may be one
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read_bytes(path: Path) -> bytes:
    """The content of the file. Raises InputError if it cannot be read."""
    with open_regular(path) as file, as_input_errors(path):
        check_size(path, file)
        return file.read()


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("file:line", object) for each line of a JSON Lines file; empty lines are skipped.

    Raises InputError if the file cannot be read, or a line is not a JSON object.
    """
    with open_regular(path) as file, as_input_errors(path):
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
    """The lines of an open file. Raises InputError for one that is too long."""
    lines = iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
    for number, line in enumerate(lines, 1):
        _check_length(f"{path}:{number}", line)
        yield line


def check_first_line(path: Path, file: BinaryIO) -> None:
    """Raises InputError if the first line is too long; leaves the file at its beginning."""
    _check_length(f"{path}:1", file.readline(MAX_LINE_BYTES + 1))
    file.seek(0)


def check_size(path: Path, file: BinaryIO) -> None:
    """Raises InputError if the file is too large to be one JSON value."""
    size = os.fstat(file.fileno()).st_size
    if size > _MAX_BYTES:
        raise InputError(f"{path}: {size:,} bytes, more than {_MAX_BYTES:,}")


def _check_length(place: str, line: bytes) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise InputError(f"{place}: a line of more than {MAX_LINE_BYTES:,} bytes")


def _parsed(place: str, line: bytes, error: Exception) -> Any:
    """A line that orjson refused: with NaN, which pandas writes, or not JSON."""
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
