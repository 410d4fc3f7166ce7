"""The records of a body, one at a time: NDJSON, CSV with a header, or a JSON list; also gzipped."""

import codecs
import csv
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

Record = dict[str, Any]
Records = Iterator[tuple[int, Record]]
CHUNK = 64 * 1024
LONGEST = 16 * 1024
"""Of a record, in characters."""
MOST_UNPACKED = 2 * 1024**3
"""Bytes after unpacking: a small gzip file may stand for a very large one."""


class RecordError(ValueError):
    """A body that cannot be taken; the message names the line, or the entry of a JSON list."""


def _chunks(stream: BinaryIO, gzipped: bool) -> Iterator[bytes]:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzipped else None
    total = 0
    while data := stream.read(CHUNK):
        while data:
            if unpack is None:
                part, data = data, b""
            else:
                try:
                    part = unpack.decompress(data, CHUNK)
                except zlib.error:
                    raise RecordError("the body is no gzip") from None
                data = unpack.unconsumed_tail
            total += len(part)
            if total > MOST_UNPACKED:
                raise RecordError(f"more than {MOST_UNPACKED} bytes when unpacked")
            yield part
    if unpack is not None and not unpack.eof:
        raise RecordError("the body ends in the middle of its gzip")


def _texts(stream: BinaryIO, gzipped: bool) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        for chunk in _chunks(stream, gzipped):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise RecordError("the body is not UTF-8 text") from None


def _lines(texts: Iterator[str]) -> Iterator[str]:
    rest, number = "", 0
    for text in texts:
        parts = (rest + text).split("\n")
        rest = parts.pop()
        for part in parts:
            number += 1
            if len(part) > LONGEST:
                break
            yield part
        if len(rest) > LONGEST or (parts and len(part) > LONGEST):
            raise RecordError(f"line {number + (len(rest) > LONGEST)}: is too long")
    if rest:
        yield rest


def _object(found: Any, place: str) -> Record:
    if not isinstance(found, dict):
        raise RecordError(f"{place}: is no JSON object")
    return found


def ndjson(texts: Iterator[str]) -> Records:
    """A JSON object on each line; empty lines are passed over."""
    for number, line in enumerate(_lines(texts), 1):
        if line.strip():
            try:
                yield number, _object(json.loads(line), f"line {number}")
            except (json.JSONDecodeError, RecursionError):
                raise RecordError(f"line {number}: is no JSON") from None


def separated(texts: Iterator[str]) -> Records:
    """CSV; the first line names the columns. Empty cells are left out of the record."""
    rows = csv.reader(_lines(texts), strict=True)
    try:
        names = next(rows, None)
        if not names:
            raise RecordError("the first line must name the columns")
        for row in rows:
            if len(row) != len(names):
                if not row:
                    continue
                raise RecordError(f"line {rows.line_num}: has {len(row)} cells, not {len(names)}")
            yield rows.line_num, {n: v for n, v in zip(names, row, strict=True) if v}
    except csv.Error as error:
        raise RecordError(f"line {rows.line_num}: is no CSV ({error})") from None


def json_list(texts: Iterator[str]) -> Records:
    """A list of objects, without the whole of it in memory."""
    decoder = json.JSONDecoder()
    rest, number, state = "", 0, "["
    for text in texts:
        rest += text
        while rest := rest.lstrip():
            place = f"entry {number + 1}"
            if state == "end":
                raise RecordError("something follows the list")
            if state != "value":
                if state == "," and rest[0] == "]":
                    state = "end"
                elif rest[0] != state:
                    what = "the body is no JSON list" if state == "[" else f"after entry {number}"
                    raise RecordError(what if state == "[" else f"{what}: a comma or ] is missing")
                else:
                    state = "value"
                rest = rest[1:]
                continue
            if rest[0] == "]" and number == 0:
                state, rest = "end", rest[1:]
                continue
            try:
                found, end = decoder.raw_decode(rest)
            except (json.JSONDecodeError, RecursionError):
                if len(rest) > LONGEST:
                    raise RecordError(f"{place}: is no JSON, or too long") from None
                break  # the rest of it is still to come
            if not isinstance(found, dict):
                raise RecordError(f"{place}: is no JSON object")
            number += 1
            yield number, found
            rest, state = rest[end:], ","
    if state != "end":
        raise RecordError(f"entry {number + 1}: the list ends in the middle")


FORMS: dict[str, tuple[str, Callable[[Iterator[str]], Records]]] = {
    "application/x-ndjson": ("line", ndjson),
    "text/csv": ("line", separated),
    "application/json": ("entry", json_list),
}


def read(stream: BinaryIO, form: str, gzipped: bool = False) -> Records:
    """The records of a body of that media type, with their numbers. Raises RecordError."""
    return FORMS[form][1](_texts(stream, gzipped))
