"""The format of a table's file, and its columns."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from offline.errors import InputError, check_regular

_KNOWN_OTHERS = {b"PK\x03\x04": "a zip archive or a workbook of Excel", b"{": "JSON"}
_HEAD = 1 << 20
_DELIMITERS = ",;\t|"
_WORD = re.compile(r'"([^"]+)"|([^\W\d]\w*)')


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what; names as the files have them."""

    unit: str | None
    """None: each row is a unit of its own."""
    treatment: str | None
    """None: each file is a treatment."""
    time: str | None = None
    before: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    """Those that metrics are made of, where the files have them."""

    @property
    def named(self) -> tuple[str, ...]:
        """All that must be there."""
        some = (self.unit, self.treatment, self.time, *self.before)
        return tuple(dict.fromkeys(name for name in some if name is not None))


def magic_of(path: Path) -> bytes:
    """How a file begins. Raises InputError where it cannot be a table."""
    check_regular(path)
    if any(character in str(path) for character in "*?["):
        raise InputError(f"{path}: a table's name cannot have *, ? or [ in it: rename the file")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    for magic, what in _KNOWN_OTHERS.items():
        if start.startswith(magic):
            raise InputError(f"{path} is {what}: a table must be .csv, .csv.gz or .parquet")
    return start


def header_of(path: Path, columns: Columns) -> tuple[str, list[str]]:
    """The delimiter, and the names in the first row."""
    with pa.input_stream(str(path), compression="detect") as file:
        start = file.read(_HEAD)
    try:
        text = start.decode("utf-8-sig", errors="strict" if len(start) < _HEAD else "ignore")
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is not text in UTF-8, and not Parquet: save it as UTF-8"
        ) from None
    if "\0" in text:
        raise InputError(f"{path} is not text in UTF-8, and not Parquet")
    found: dict[str, list[str]] = {}
    for delimiter in _DELIMITERS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        found[delimiter] = [name.strip() for name in next(rows, [])]
    wanted = set(columns.named) | set(columns.values)
    best = max(found, key=lambda some: (len(wanted & set(found[some])), len(found[some])))
    if not any(found[best]):
        raise InputError(f"{path}: the table is empty: its first row must have the names")
    return best, found[best]


def columns_in(files: Sequence[Path], sqls: Iterable[str]) -> tuple[str, ...]:
    """The columns of the first file that occur in expressions."""
    first = files[0]
    is_parquet = magic_of(first) == b"PAR1"
    try:
        if is_parquet:
            there = list(duckdb.connect().read_parquet(str(first)).columns)
        else:
            # The delimiter that gives most names is the likeliest, before any is asked for.
            there = header_of(first, Columns(None, None))[1]
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise InputError(f"{first} cannot be read: {str(error).splitlines()[0]}") from error
    words = {word.lower() for sql in sqls for word in _words(sql)}
    return tuple(dict.fromkeys(name for name in there if name.lower() in words))


def _words(sql: str) -> Iterable[str]:
    """What could be a name of a column in an expression."""
    for part in sql.split("'")[::2]:  # between single quotes are texts
        for name, word in _WORD.findall(part):
            yield name or word
