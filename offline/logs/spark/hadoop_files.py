"""The files of a log, if some are on a file system that only Hadoop can read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from offline.engine.spark import FAILURES, reason_of
from offline.errors import InputError
from offline.logs.decompress import Kind, kind_of
from offline.logs.files import (
    ASIDE,
    find_log_files,
    is_address,
    no_log_in,
    no_such_log,
    notes_on,
    sort_logs,
)
from offline.logs.foreign_files import HEAD


@dataclass(frozen=True)
class SparkFile:
    """One file of a log: its name for people, and Spark's names for it."""

    name: Path | str
    key: str
    """As `_metadata.file_path` has it."""
    pattern: str
    """The path for reading, escaped, as Spark treats every path as a pattern."""

    @property
    def kind(self) -> Kind:
        """As in `LogFile`."""
        return kind_of(self.name)


def find_spark_files(
    session: SparkSession, paths: Sequence[str | Path]
) -> tuple[list[SparkFile], list[str]]:
    """As `find_log_files`, for paths here and addresses such as `hdfs://namenode:8020/logs`.

    Patterns in an address are Hadoop's, which have no `**`. Raises InputError where a path leads
    to no file, and for files that Spark passes over in silence: of names with `_` or `.` in front.
    """
    found: dict[str, SparkFile] = {}
    notes: list[str] = []
    for path in paths:
        if is_address(path):
            files = _remote(session, str(path), notes)
        else:
            files = _local(session, path, notes)
        for file in files:
            found.setdefault(file.key, file)
    if not found:
        raise InputError("no logs given: name a log file, a directory or a pattern")
    return list(found.values()), list(dict.fromkeys(notes))


def read_head(session: SparkSession, file: SparkFile) -> bytes:
    """The first bytes of a file, which show its kind."""
    hadoop: Any = session._jvm
    context: Any = session.sparkContext
    path = hadoop.org.apache.hadoop.fs.Path(hadoop.java.net.URI(file.key))
    system = path.getFileSystem(context._jsc.hadoopConfiguration())
    stream = system.open(path)
    try:
        size = min(HEAD, system.getFileStatus(path).getLen())
        return bytes(hadoop.org.apache.commons.io.IOUtils.toByteArray(stream, size))
    finally:
        stream.close()


def _local(session: SparkSession, path: str | Path, notes: list[str]) -> list[SparkFile]:
    hadoop: Any = session._jvm
    found = find_log_files([path])
    notes += found.notes
    return [
        _file(file, hadoop.org.apache.hadoop.fs.Path("file", None, str(file.resolve())))
        for file in found.files
    ]


def _remote(session: SparkSession, address: str, notes: list[str]) -> list[SparkFile]:
    hadoop: Any = session._jvm
    context: Any = session.sparkContext
    try:
        path = hadoop.org.apache.hadoop.fs.Path(address)
        system = path.getFileSystem(context._jsc.hadoopConfiguration())
        named = system.exists(path)
        matches = [system.getFileStatus(path)] if named else list(system.globStatus(path) or [])
        files: list[Any] = []
        for match in matches:
            files += _inside(system, match.getPath(), notes) if match.isDirectory() else [match]
    except FAILURES as error:
        raise InputError(f"{address} cannot be read: {reason_of(error)}") from error
    if not files:
        raise no_log_in(address) if named else no_such_log(address)
    places = [status.getPath() for status in files]
    return [
        _file(place.toString(), place) for place in sorted(places, key=lambda one: one.toString())
    ]


def _inside(system: Any, directory: Any, notes: list[str]) -> list[Any]:
    """The logs of a directory and of those below."""

    def walk(top: Any, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        for status in system.listStatus(top):
            here = (*way, status.getPath().getName())
            if status.isDirectory():
                yield from walk(status.getPath(), here)
            else:
                yield here, status

    found, aside = sort_logs(walk(directory, ()), lambda pair: pair[0])
    folders, others = (["/".join(way[:-1]) or "." for way, _ in some] for some in (found, aside))
    notes += notes_on(directory.toString(), folders, others)
    return [status for _, status in found]


def _file(name: Path | str, path: Any) -> SparkFile:
    if path.getName().startswith(ASIDE):
        raise InputError(f"{name}: Spark reads no file whose name begins with _ or .: rename it")
    pattern = re.sub(r"([][{}*?\\])", r"\\\1", path.toString())
    return SparkFile(name, path.toUri().toString(), pattern)
