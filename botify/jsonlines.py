"""JSON in and out: JSON Lines with line numbers, and integers of any size."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import orjson

from botify.errors import InputError
from contract.errors import FormatError
from contract.jsonlines import BOM, parse_line


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON of `value`, integers of any size included."""
    try:
        return orjson.dumps(value)
    except TypeError:  # orjson stops at 64 bits; a user id does not
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read_bytes(path: Path) -> bytes:
    """The content of the file; an InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def read_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ("file:line", object) for each line of a JSON Lines file; empty lines are skipped.

    Raises InputError where the file cannot be read, or a line is not a JSON object.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                line = line.removeprefix(BOM)
                if not line.strip():
                    continue
                place = f"{path}:{number}"
                try:
                    value = _loads(line)
                except ValueError as error:
                    value = _parsed(place, line, error)
                if not isinstance(value, dict):
                    raise InputError(f"{place}: expected a JSON object")
                yield place, value
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _parsed(place: str, line: bytes, error: ValueError) -> Any:
    """What orjson refused: NaN, which pandas writes, or no JSON."""
    try:
        return parse_line(line)
    except FormatError:
        raise InputError(f"{place}: not JSON ({reason(error)})") from error


def reason(error: ValueError) -> str:
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
