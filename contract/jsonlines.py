"""JSON Lines: a line ends at a newline and nowhere else, and holds one value."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from contract.errors import FormatError

BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors and programs put before UTF-8; it is no part of a line."""
BLANK = b" \t\r\n\v\f"
"""A line of these bytes is blank."""


def numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Number, from 1, and text of each line that is not blank.

    `lines` must be split at newlines alone, as files opened with "rb" are; str.splitlines() also
    splits at characters that JSON allows inside a text.
    """
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(BOM).strip(BLANK)
        if text:
            yield number, text


def parse_line(line: bytes, repeats: bool = True) -> Any:
    """The value of a line; NaN and the infinities are read. Raises FormatError.

    Of a key that an object has several times the last stands, as usual; without `repeats`, that
    is an error.
    """
    try:
        text = line.removeprefix(BOM).decode()
        return json.loads(text, object_pairs_hook=None if repeats else _without_repeats)
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 text (byte {error.start + 1})") from None
    except json.JSONDecodeError as error:
        raise FormatError(_syntax(error)) from None
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON ({error})") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FormatError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _syntax(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return f"cut off after {len(error.doc)} characters"
    return f"not JSON ({error.msg} at character {error.pos + 1})"


def parse_object(line: bytes) -> dict[str, Any]:
    """The object of a line. Raises FormatError."""
    value = parse_line(line)
    if not isinstance(value, dict):
        raise FormatError("expected a JSON object")
    return value
