"""Which files a log is made of, and what can be saved of a compressed one that is damaged."""

import contextlib
import glob
import gzip
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from offline.errors import InputError

IN_DIRECTORY = ("data.json*", "data*.parquet")
GZIP_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class LogFile:
    """One file of a log: its name for people, and where and how to read it."""

    path: Path
    content: Path
    kind: Literal["plain", "gzip", "parquet"]
    damage: str | None = None
    """Why a gzip ends too early; `content` then holds, unpacked, the lines before that."""


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


def examine(path: Path, scratch: Path) -> LogFile:
    """How to read `path`; of a damaged gzip, the whole lines it still gives go into `scratch`.

    Each gzip is decompressed here once for its checksum: DuckDB does not look at it.
    Raises InputError where the file cannot be opened.
    """
    if path.suffix == ".parquet":
        return LogFile(path, path, "parquet")
    if path.suffix != ".gz":
        return LogFile(path, path, "plain")
    try:
        damage = _gzip_damage(path)
        if damage is None:
            return LogFile(path, path, "gzip" if path.stat().st_size else "plain")
        return LogFile(path, _save_whole_lines(path, scratch), "plain", damage)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def unpacked(file: Path | BinaryIO) -> Iterator[bytes]:
    """What a gzip holds, piece by piece; all that comes before a damage, and then that error."""
    with gzip.open(file) as stream:
        # read1, not read: what came before the damage must not be lost with it.
        while chunk := stream.read1(1 << 20):
            yield chunk


def damage_of(error: BaseException) -> str:
    """What is wrong with a gzip, for the line at which it ends."""
    if isinstance(error, EOFError):
        return "the gzip stream is cut off here; what followed is lost"
    return f"the gzip stream is damaged here ({error}); what followed is lost"


def _gzip_damage(path: Path) -> str | None:
    try:
        for _ in unpacked(path):
            pass
    except GZIP_DAMAGE as error:
        return damage_of(error)
    return None


def _save_whole_lines(path: Path, scratch: Path) -> Path:
    rest = b""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".json", delete=False) as text:
        with contextlib.suppress(*GZIP_DAMAGE):
            for chunk in unpacked(path):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                text.write(lines + newline)
        return Path(text.name)
