"""Recognises files that are no event logs, by their first bytes and their name."""

import re

from contract.events import FIELDS
from contract.jsonlines import BLANK, BOM

HEAD = 1 << 12
"""Bytes of a file that are examined."""

_MAGIC = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x04\x22\x4d\x18": "lz4",
    b"Rar!": "a rar archive",
    b"SQLite format 3\0": "a SQLite database",
    b"\x93NUMPY": "an array of numpy",
    b"\x80\x04": "a pickle of Python",
    b"\x80\x05": "a pickle of Python",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
}
_PACKED = {b"\x1f\x8b": ("gzip", ".gz"), b"\x28\xb5\x2f\xfd": ("zstd", ".zst")}
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_HTML = re.compile(rb"\s*<(!doctype html|html|\?xml)", re.IGNORECASE)
_RETURNS = re.compile(rb"\}\r[ \t]*\{")
_NEEDED = "a log is JSON Lines, one event a line (.gz or .zst too), or Parquet"


def no_log(head: bytes, kind: str) -> str | None:
    """The fault of a file that starts with `head`, for a message; None if there is none.

    `kind` is by its name, of `offline.logs.decompress.Kind`. `head` is from the file
    itself; for what a compressed file contains, see `no_lines`.
    """
    if not head:
        return None
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if found:
        return f"this is {found}; {_NEEDED}"
    for magic, (name, suffix) in _PACKED.items():
        if head.startswith(magic) and kind != name:
            return f"this is {name}: give it a name that ends in {suffix}"
    if head.startswith(b"PAR1") and kind != "parquet":
        return "this is Parquet: give it a name that ends in .parquet"
    if kind in ("gzip", "zstd") and head.lstrip(BLANK + BOM).startswith(b'{"'):
        return f"this is text, not {kind}: take the end off its name"
    return no_lines(head) if kind == "plain" else None


def no_lines(head: bytes) -> str | None:
    """The fault of a text that starts with `head`, for a message; None if there is none."""
    if head[:2] in _WIDE or (len(head) > 8 and head[1:8:2] == b"\0\0\0\0" and head[0]):
        return "this is UTF-16; a log is UTF-8"
    text = head.removeprefix(BOM).lstrip(BLANK)
    if _HTML.match(text):
        return f"this is HTML or XML, perhaps the page of an error; {_NEEDED}"
    first, newline, rest = text.partition(b"\n")
    first = first.rstrip(BLANK)
    if text.startswith(b"["):
        inside = text[1:].lstrip(BLANK)
        if inside.startswith((b"{", b"[")) or (first == b"[" and newline):
            return f"this is an array of JSON; {_NEEDED}: jq -c '.[]' makes lines of it"
    if first == b"{" and rest.lstrip(BLANK).startswith(b'"'):
        return f"this is JSON over several lines; {_NEEDED}: jq -c . makes a line of each"
    returns = len(_RETURNS.findall(head))
    if returns and returns >= head.count(b"\n"):
        return "its lines end in carriage returns; those of a log end in newlines"
    return _table(first)


def _table(first: bytes) -> str | None:
    if first.startswith((b"{", b"[")):
        return None
    for separator, name in ((b",", "CSV"), (b"\t", "CSV apart by tabs"), (b";", "CSV")):
        words = {word.strip(b" \"'").decode("latin-1") for word in first.split(separator)}
        if len(words & set(FIELDS)) >= 2:
            return f"this is {name}: its first line names columns; {_NEEDED}"
    return None
