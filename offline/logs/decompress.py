"""Lines of logs, plain or compressed; lines before a damaged part are kept."""

import contextlib
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from offline.logs.bad_lines import LONGEST_LINE

Kind = Literal["plain", "gzip", "zstd", "parquet"]

PACKED: dict[str, Kind] = {".gz": "gzip", ".zst": "zstd"}


class DamageError(Exception):
    """A compressed log that cannot be read further; the message names its last line."""


def kind_of(path: Path | str) -> Kind:
    """How a log is written, by the end of its name."""
    suffix = Path(path).suffix
    return "parquet" if suffix == ".parquet" else PACKED.get(suffix, "plain")


def unpacked(file: Path | BinaryIO, kind: Kind) -> Iterator[bytes]:
    """The content of a log, in pieces; up to a damage, then DamageError."""
    with contextlib.ExitStack() as stack:
        if isinstance(file, Path):
            file = stack.enter_context(file.open("rb"))
        if kind == "gzip":
            yield from _gunzipped(file)
        elif kind == "zstd":
            yield from _unzstd(file)
        else:
            while piece := file.read(1 << 20):
                yield piece


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.open(file) as stream:
            # read1, not read: the content before the damage must not be lost with it.
            while chunk := stream.read1(1 << 20):
                yield chunk
    except EOFError:
        raise DamageError("the gzip stream is cut off here; what followed is lost") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged("gzip", error) from None


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
    while True:
        try:
            chunk = stream.read(1 << 16)
        except OSError as error:
            raise _damaged("zstd", error) from None
        if not chunk:
            return
        yield chunk


def _damaged(kind: str, error: Exception) -> DamageError:
    return DamageError(f"the {kind} stream is damaged here ({error}); what followed is lost")


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes | int]:
    """The lines of a text without their newlines; of one that is too long, only its length."""
    parts: list[bytes] = []
    length = 0
    for piece in pieces:
        first, *more = piece.split(b"\n")
        parts.append(first)
        length += len(first)
        if length >= LONGEST_LINE:
            parts = []
        if not more:
            continue
        yield length if length >= LONGEST_LINE else b"".join(parts)
        yield from more[:-1]
        parts, length = [more[-1]], len(more[-1])
    if length:
        yield length if length >= LONGEST_LINE else b"".join(parts)
