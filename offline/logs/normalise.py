"""How to read a log: directly, or from a copy in which oddities are normalised."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.jsonlines import BOM
from offline.errors import InputError
from offline.logs.bad_lines import too_long
from offline.logs.decompress import DamageError, Kind, kind_of, lines_of, unpacked
from offline.logs.foreign_files import HEAD, no_lines, no_log


@dataclass(frozen=True)
class LogFile:
    """One file of a log: its name for people, and where and how to read it."""

    path: Path
    content: Path
    kind: Kind
    damage: str | None = None
    """Why a compressed log ends too early; `content` then has the lines before that."""
    odd: Mapping[int, str] = field(default_factory=dict)
    """Lines that the copy leaves out, by number from 1, and why they are bad."""

    def lines(self) -> Iterator[bytes | int]:
        """The lines of `content`, without their newlines; of one too long, only its length."""
        return lines_of(unpacked(self.content, self.kind))


def examine(path: Path, scratch: Path) -> LogFile:
    """How to read `path`; where it cannot be read directly, from a copy in `scratch`.

    Each compressed log is unpacked here once for its checksum: DuckDB does not look at it.
    Raises InputError where the file cannot be opened, or is of another kind than a log.
    """
    kind = kind_of(path)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if problem := problem_of(head, kind):
            raise InputError(f"{path}: {problem}")
        if kind == "parquet":
            return LogFile(path, path, kind)
        if kind == "plain":
            odd = head.startswith(BOM)
            return copied(path, scratch) if odd else LogFile(path, path, kind)
        return _packed(path, kind, scratch)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def problem_of(head: bytes, kind: Kind) -> str | None:
    """Why a file that starts with `head` is no log, for a message; None where it may be one."""
    if problem := no_log(head, kind):
        return problem
    if kind in ("gzip", "zstd"):
        with contextlib.suppress(DamageError, StopIteration):
            return no_lines(next(unpacked(io.BytesIO(head), kind))[:HEAD])
    return None


def _packed(path: Path, kind: Kind, scratch: Path) -> LogFile:
    if not path.stat().st_size:
        return LogFile(path, path, "plain")
    odd, first = False, True
    try:
        for piece in unpacked(path, kind):
            odd = odd or (first and piece.startswith(BOM))
            first = False
    except DamageError:
        odd = True
    return copied(path, scratch) if odd else LogFile(path, path, kind)


def copied(path: Path, scratch: Path) -> LogFile:
    """Copy the whole lines of a log, without byte order marks and lines that are too long."""
    kind = kind_of(path)
    damage: str | None = None
    odd: dict[int, str] = {}

    whole = True

    def pieces() -> Iterator[bytes]:
        nonlocal damage, whole
        try:
            for piece in unpacked(path, kind):
                whole = piece.endswith(b"\n")
                yield piece
        except DamageError as error:
            damage = str(error)

    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".json", delete=False) as text:
        start = 0
        for number, line in enumerate(lines_of(pieces()), 1):
            if isinstance(line, int):
                odd[number] = too_long(line)
                line = b'""'
            start = text.tell()
            text.write(line.removeprefix(BOM) + b"\n")
        if damage and not whole:  # an incomplete line is lost with what followed it
            text.truncate(start)
    return LogFile(path, Path(text.name), "plain", damage, odd)
