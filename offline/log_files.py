"""Which files a log is made of, and what can be saved of a compressed one that is damaged."""

import contextlib
import glob
import gzip
import re
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa

from offline.errors import InputError

Kind = Literal["plain", "gzip", "zstd", "parquet"]

IN_DIRECTORY = ("data.json*", "data*.parquet", "dt=*/data*.parquet")
"""Logs as the service and the data client write them; the last by date."""
PACKED: dict[str, Kind] = {".gz": "gzip", ".zst": "zstd"}
_OF_SEVERAL = re.compile(r"-x\d+(\.|$)")


class DamageError(Exception):
    """A compressed log that cannot be read on; says so for the line at which it ends."""


@dataclass(frozen=True)
class LogFile:
    """One file of a log: its name for people, and where and how to read it."""

    path: Path
    content: Path
    kind: Kind
    damage: str | None = None
    """Why a compressed log ends too early; `content` then holds the lines before that."""


def find_log_files(paths: Sequence[str | Path]) -> list[Path]:
    """Files behind `paths`: each a file, a directory (its `data.json*`), or a glob pattern.

    Files keep the order of `paths`, sorted by name within a directory or a pattern; a file that
    is named twice is read once. Raises InputError where a path leads to no file.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _files_behind(path):
            found.setdefault(file.resolve(), file)
    if not found:
        raise InputError("no logs given: name a log file, a directory or a pattern")
    return list(found.values())


def _files_behind(name: str | Path) -> list[Path]:
    if is_address(name):
        raise InputError(f"{name} is no local path: only --engine spark reads others")
    path = Path(name)
    if path.is_dir():
        files = sorted({file for pattern in IN_DIRECTORY for file in path.glob(pattern)})
        files = [file for file in files if file.is_file()]
        if not files:
            raise no_log_in(path, f"{path}/**/data.json*")
        return files
    if path.exists():
        return [path]
    files = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    files = [file for file in files if file.is_file()]
    if not files:
        raise no_such_log(path)
    return files


def is_address(path: str | Path) -> bool:
    """Whether it is one such as `hdfs://namenode:8020/logs`, and not of the local file system."""
    return "://" in str(path)


def no_log_in(directory: Path | str, deeper: str) -> InputError:
    """For a directory without logs; `deeper` is a pattern for those of its sub-directories."""
    return InputError(
        f"no log in {directory}: a directory of logs holds files named data.json*"
        f" (for those of its sub-directories give '{deeper}')"
    )


def no_such_log(path: Path | str) -> InputError:
    """For a path that leads nowhere."""
    return InputError(
        f"no such log: {path} (give a log file, a directory with data.json*, or a pattern)"
    )


def kind_of(path: Path | str) -> Kind:
    """How a log is written, by the end of its name."""
    suffix = Path(path).suffix
    return "parquet" if suffix == ".parquet" else PACKED.get(suffix, "plain")


def is_of_several(path: Path | str) -> bool:
    """Whether the data client put several logs into it, one after the other."""
    file = Path(path)
    if file.name == "data.json" and (file.parent.parent / "_manifest").is_dir():
        return True  # those of all workers of a recommender
    return _OF_SEVERAL.search(file.name) is not None


def examine(path: Path, scratch: Path) -> LogFile:
    """How to read `path`; of a damaged one, the whole lines it still gives go into `scratch`.

    Each compressed log is unpacked here once for its checksum: DuckDB does not look at it.
    Raises InputError where the file cannot be opened.
    """
    kind = kind_of(path)
    if kind in ("plain", "parquet"):
        return LogFile(path, path, kind)
    try:
        damage = _damage(path, kind)
        if damage is None:
            return LogFile(path, path, kind if path.stat().st_size else "plain")
        return LogFile(path, _save_whole_lines(path, kind, scratch), "plain", damage)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def unpacked(file: Path | BinaryIO, kind: Kind) -> Iterator[bytes]:
    """What a compressed log holds, in pieces; what comes before a damage, then DamageError."""
    with contextlib.ExitStack() as stack:
        if isinstance(file, Path):
            file = stack.enter_context(file.open("rb"))
        yield from _gunzipped(file) if kind == "gzip" else _unzstd(file)


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    try:
        with gzip.open(file) as stream:
            # read1, not read: what came before the damage must not be lost with it.
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


def _damage(path: Path, kind: Kind) -> str | None:
    try:
        for _ in unpacked(path, kind):
            pass
    except DamageError as error:
        return str(error)
    return None


def _save_whole_lines(path: Path, kind: Kind, scratch: Path) -> Path:
    rest = b""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".json", delete=False) as text:
        with contextlib.suppress(DamageError):
            for chunk in unpacked(path, kind):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                text.write(lines + newline)
        return Path(text.name)


def packed_lines(path: Path, kind: Kind) -> Iterator[bytes]:
    """The lines of a compressed log that is not damaged."""
    rest = b""
    for chunk in unpacked(path, kind):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
