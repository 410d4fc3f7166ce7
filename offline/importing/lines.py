"""The line of a file on which a row of it stands: for messages."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from offline.importing.source import File


def lines_of_rows(file: File, text: Path, rows: Iterable[int]) -> dict[int, int]:
    """The line of each of these rows, from 0, that the database read; of Parquet the row, from 1.

    `text` is the file as it was read.
    """
    wanted = set(rows)
    if not wanted:
        return {}
    if file.layout == "parquet":
        return {row: row + 1 for row in wanted}
    if file.layout == "table":
        assert file.table is not None
        return {row: file.table["line"][row].as_py() for row in wanted}
    found: dict[int, int] = {}
    for row, line in enumerate(_lines(file, text)):
        if row in wanted:
            found[row] = line
            if len(found) == len(wanted):
                break
    return found


def _lines(file: File, text: Path) -> Iterator[int]:
    with text.open(encoding="utf-8-sig", newline="", errors="replace") as stream:
        if file.layout == "jsonl":
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number
            return
        if len(file.delimiter) > 1:
            for number, line in enumerate(stream, 1):
                row = line.rstrip("\r\n")
                if row and row.count(file.delimiter) == len(file.names) - 1:
                    yield number
            return
        plain = csv.reader(stream, delimiter=file.delimiter, quoting=csv.QUOTE_NONE)
        reader = csv.reader(stream, delimiter=file.delimiter) if file.quote else plain
        width = len(file.names)
        if not width:
            width = len(next(reader, []))
        start = reader.line_num
        for cells in reader:
            if len(cells) == width:
                yield start + 1
            start = reader.line_num


def broken_objects(text: Path, rows: Iterable[int]) -> dict[int, str]:
    """Of these rows of JSON Lines, from 0, those that are no objects, and what they are."""
    wanted = set(rows)
    if not wanted:
        return {}
    found: dict[int, str] = {}
    with text.open(encoding="utf-8-sig", newline="\n", errors="replace") as stream:
        for row, line in enumerate(line for line in stream if line.strip()):
            if row in wanted and not first_objects(line):
                found[row] = line.strip()
    return found


def lines_inside_cells(text: Path, rows: int) -> int:
    """How many more lines a file has than rows, header included; blank lines are none."""
    with text.open("rb") as stream:
        newlines, last = 0, b"\n"
        while piece := stream.read(1 << 22):
            newlines, last = newlines + piece.count(b"\n"), piece[-1:]
        if newlines + (last != b"\n") <= rows:
            return 0
        stream.seek(0)
        return max(0, sum(1 for line in stream if line.strip()) - rows)


def first_objects(text: str, most: int = 100) -> list[dict[str, object]]:
    """The first objects of a text of JSON Lines; lines that are none are passed over."""
    found: list[dict[str, object]] = []
    for line in text.splitlines()[:most]:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found
