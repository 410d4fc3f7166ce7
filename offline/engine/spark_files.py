"""Which files a log is made of, where some are on a file system that only Hadoop knows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from offline.engine.spark import FAILURES, reason_of
from offline.errors import InputError
from offline.log_files import (
    IN_DIRECTORY,
    Kind,
    find_log_files,
    is_address,
    kind_of,
    no_log_in,
    no_such_log,
)


@dataclass(frozen=True)
class SparkFile:
    """One file of a log: its name for people, and Spark's names for it."""

    name: Path | str
    key: str
    """As `_metadata.file_path` has it."""
    pattern: str
    """To read it by; Spark takes every path for a pattern."""

    @property
    def kind(self) -> Kind:
        """As in `LogFile`."""
        return kind_of(self.name)


def find_spark_files(session: SparkSession, paths: Sequence[str | Path]) -> list[SparkFile]:
    """As `find_log_files`, for paths here and addresses such as `hdfs://namenode:8020/logs`.

    Patterns in an address are Hadoop's, which have no `**`. Raises InputError where a path leads
    to no file, and for files that Spark passes over in silence: of names with `_` or `.` in front.
    """
    found: dict[str, SparkFile] = {}
    for path in paths:
        for file in _remote(session, str(path)) if is_address(path) else _local(session, path):
            found.setdefault(file.key, file)
    if not found:
        raise InputError("no logs given: name a log file, a directory or a pattern")
    return list(found.values())


def _local(session: SparkSession, path: str | Path) -> list[SparkFile]:
    hadoop: Any = session._jvm
    return [
        _file(file, hadoop.org.apache.hadoop.fs.Path("file", None, str(file.resolve())))
        for file in find_log_files([path])
    ]


def _remote(session: SparkSession, address: str) -> list[SparkFile]:
    hadoop: Any = session._jvm
    context: Any = session.sparkContext
    try:
        path = hadoop.org.apache.hadoop.fs.Path(address)
        system = path.getFileSystem(context._jsc.hadoopConfiguration())
        if system.exists(path):
            top = system.getFileStatus(path)
            inside = _inside(system, path) if top.isDirectory() else [top]
        else:
            top, inside = None, list(system.globStatus(path) or [])
    except FAILURES as error:
        raise InputError(f"{address} cannot be read: {reason_of(error)}") from error
    files = [status.getPath() for status in inside if status.isFile()]
    if not files:
        raise (
            no_such_log(address) if top is None else no_log_in(address, f"{address}/*/data.json*")
        )
    return [
        _file(file.toString(), file) for file in sorted(files, key=lambda file: file.toString())
    ]


def _inside(system: Any, directory: Any) -> list[Any]:
    """The logs of a directory, and of those in it that are named after a date."""
    found = []
    for status in system.listStatus(directory):
        name = status.getPath().getName()
        deeper = status.isDirectory() and any(
            fnmatchcase(name, pattern.partition("/")[0]) for pattern in IN_DIRECTORY
        )
        below = system.listStatus(status.getPath()) if deeper else []
        named = [(name, status)]
        named += [(f"{name}/{some.getPath().getName()}", some) for some in below]
        found += [
            some
            for path, some in named
            if any(fnmatchcase(path, pattern) for pattern in IN_DIRECTORY)
        ]
    return found


def _file(name: Path | str, path: Any) -> SparkFile:
    if path.getName().startswith(("_", ".")):
        raise InputError(f"{name}: Spark reads no file whose name begins with _ or .: rename it")
    pattern = re.sub(r"([][{}*?\\])", r"\\\1", path.toString())
    return SparkFile(name, path.toUri().toString(), pattern)
