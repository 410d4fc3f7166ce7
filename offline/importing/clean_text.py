"""Text files as a database can read them: UTF-8, unpacked, with lines that end in newlines."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.jsonlines import BOM
from offline.errors import InputError, check_regular
from offline.logs.decompress import DamageError, Kind, unpacked

_MAGIC: dict[bytes, Kind] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a workbook of Excel",
    b"\x89HDF": "HDF5",
    b"BZh": "bzip2",
}
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PIECE = 1 << 22
_WINDOWS = "Windows-1252 (Latin-1)"


@dataclass(frozen=True)
class CleanText:
    """A file that can be read as it is, or a copy that can be."""

    path: Path
    notes: tuple[str, ...] = ()


def clean_text(path: Path, scratch: Path) -> CleanText:
    """The file, or a copy of it in `scratch`: of one that is packed, or not UTF-8.

    What is not UTF-8 is taken for Windows-1252, of which Latin-1 is a part. Raises InputError for
    what is no text.
    """
    check_regular(path)
    kind = packing_of(path)
    notes: list[str] = []
    try:
        encoding, old_ends = _encoding(path, kind)
        if kind == "plain" and encoding == "utf-8" and not old_ends:
            return CleanText(path)
        if encoding == _WINDOWS:
            notes.append(f"{path.name} is not UTF-8: read as {encoding}")
        if encoding == "damaged UTF-8":
            notes.append(f"{path.name}: bytes that are not UTF-8 stand as \ufffd")
        codec = {_WINDOWS: "cp1252", "damaged UTF-8": "utf-8"}.get(encoding, encoding)
        decoder = codecs.getincrementaldecoder(codec)(errors="replace")
        copy = scratch / f"{abs(hash(str(path)))}-{path.stem}.txt"
        with copy.open("w", encoding="utf-8", newline="") as out:
            for piece in _pieces(path, kind):
                text = decoder.decode(piece)
                out.write(text.replace("\r", "\n") if old_ends else text)
            out.write(decoder.decode(b"", final=True))
        return CleanText(copy, tuple(notes))
    except DamageError as error:
        raise InputError(f"{path}: {error}: get the file again") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def packing_of(path: Path) -> Kind:
    """How a file is packed, by its first bytes. Raises InputError for what is no table."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise InputError(f"{path} is {what}: unpack it, or save it as CSV, first")
    if start == b"PAR1":
        return "parquet"
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "plain")


def head_of(path: Path, size: int = 1 << 20) -> str:
    """The beginning of a text file, unpacked and decoded. Raises InputError."""
    kind = packing_of(path)
    if kind == "parquet":
        raise InputError(f"{path} is Parquet: --format parquet")
    found = b""
    try:
        for piece in unpacked(path, kind):
            found += piece
            if len(found) >= size:
                break
    except DamageError as error:
        if not found:
            raise InputError(f"{path}: {error}: get the file again") from error
    if found[:2] in _WIDE:
        return found[: len(found) // 2 * 2].decode("utf-16", errors="replace")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(found)
    except UnicodeDecodeError:
        return found.removeprefix(BOM).decode("cp1252", errors="replace")


def _pieces(path: Path, kind: Kind) -> Iterator[bytes]:
    if kind != "plain":
        yield from unpacked(path, kind)
        return
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _encoding(path: Path, kind: Kind) -> tuple[str, bool]:
    """The encoding, and whether lines end in carriage returns alone. Raises InputError."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    first = True
    newlines = returns = damaged = whole = 0
    for piece in _pieces(path, kind):
        if first and piece[:2] in _WIDE:
            return "utf-16", False
        first = False
        if b"\0" in piece:
            raise InputError(f"{path} is no text: it has zero bytes")
        newlines += piece.count(b"\n")
        returns += piece.count(b"\r")
        text = decoder.decode(piece)
        if not piece.isascii():
            odd = text.count("\ufffd")
            damaged += odd
            whole += len(text) - len(text.encode("ascii", "ignore")) - odd
    old_ends = returns > 0 and not newlines
    if not damaged:
        return "utf-8", old_ends
    return ("damaged UTF-8" if whole > damaged else _WINDOWS), old_ends
