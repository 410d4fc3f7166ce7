"""The tasks that read a log on Spark: raw lines in, rows of the table `lines` out."""

import io
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from offline.logs.decompress import DamageError, Kind, unpacked
from offline.logs.forms import MUSIC, LineForm
from offline.logs.spark.line_parser import Batches, Ints, LineReader, damage_row

_AT_ONCE = 1 << 24
"""Bytes of unpacked lines that DuckDB gets at a time."""


def read_text(files: Mapping[str, int], form: LineForm) -> Callable[[Batches], Batches]:
    """A task over `value` (bytes), `path`, `block` (where the part of the file begins)."""

    def task(batches: Batches) -> Batches:
        last, count = (-1, -1), 0
        with LineReader(form) as reader:
            for batch in batches:
                if not len(batch):
                    continue
                file, block = _files(batch, files), batch["block"].to_numpy()
                # A part is read from its start, in order; its neighbour here may be any other.
                places = np.arange(len(batch))
                begins = np.ones(len(batch), bool)
                begins[1:] = (np.diff(file) != 0) | (np.diff(block) != 0)
                first = np.maximum.accumulate(np.where(begins, places, 0))
                row = places - first
                if (file[0], block[0]) == last:
                    row[first == 0] += count
                last, count = (file[-1], block[-1]), int(row[-1]) + 1
                yield from reader.json(batch["value"], file, block, row)

    return task


def read_packed(
    files: Mapping[str, int], kind: Kind, form: LineForm
) -> Callable[[Batches], Batches]:
    """A task over `content` (bytes of whole files), `path`."""

    def task(batches: Batches) -> Batches:
        with LineReader(form) as reader:
            for batch in batches:
                for file, content in zip(_files(batch, files), batch["content"], strict=True):
                    yield from _packed(reader, int(file), content.as_py(), kind, form)

    return task


def read_rows(files: Mapping[str, int]) -> Callable[[Batches], Batches]:
    """A task over `path`, `row` (from 0) and columns of a Parquet log."""

    def task(batches: Batches) -> Batches:
        with LineReader(MUSIC) as reader:
            for batch in batches:
                row = batch["row"].to_numpy()
                yield from reader.parquet(batch, _files(batch, files), row)

    return task


def _files(batch: pa.RecordBatch, files: Mapping[str, int]) -> Ints:
    paths = batch["path"].dictionary_encode()
    numbers = np.array([files[path] for path in paths.dictionary.to_pylist()], np.int64)
    found: Ints = numbers[paths.indices.to_numpy()]
    return found


def _packed(reader: LineReader, file: int, content: bytes, kind: Kind, form: LineForm) -> Batches:
    done = 0
    try:
        for lines in _whole_lines(unpacked(io.BytesIO(content), kind)):
            row = np.arange(done, done + len(lines))
            yield from reader.json(lines, np.full(len(lines), file), np.zeros_like(row), row)
            done += len(lines)
    except DamageError as error:
        yield from damage_row(file, done, str(error), form)


def _whole_lines(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Lines, some megabytes at a time. An incomplete line at the end of a damaged file is lost."""
    text = b""
    try:
        for piece in pieces:
            text += piece
            if len(text) >= _AT_ONCE:
                whole, newline, text = text.rpartition(b"\n")
                if newline:
                    yield whole.split(b"\n")
    except DamageError:
        yield text.split(b"\n")[:-1]
        raise
    if text:
        yield text.removesuffix(b"\n").split(b"\n")
