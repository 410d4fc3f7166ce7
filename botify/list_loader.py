"""Lists into Redis: built aside, checked, then switched to at once."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from botify.config import TOP_TRACKS, Config
from botify.errors import InputError
from botify.lists import ListKind, read_lists
from botify.store import VERSIONS, script, store_errors

_BATCH = 1000
_ABANDONED_AFTER = 3600
"""Seconds after which Redis drops what an interrupted load left behind."""


@dataclass(frozen=True)
class LoadedList:
    """A list that Redis now serves."""

    name: str
    version: str
    size: int
    """Users or tracks with a list; 1 for the popular tracks."""
    replaced: str | None
    """The version served before, equal to `version` where nothing had to be done."""


def kind_of(config: Config, name: str) -> ListKind:
    """Which format the file of the list `name` has. Raises InputError for an unknown name."""
    if name in config.lists:
        return ListKind.USERS
    if name in config.neighbours:
        return ListKind.NEIGHBOURS
    if name == TOP_TRACKS:
        return ListKind.TOP
    raise InputError(f"no list is named {name!r}; the config has {', '.join(config.list_paths)}")


def load_list(
    client: "redis.Redis", name: str, path: Path, kind: ListKind, n_tracks: int
) -> LoadedList:
    """Check the file and put it into service as the list `name`, replacing the one served.

    The version is a hash of the file's content: a file already in service is not loaded again.
    Readers see the old list or the new one, never a mixture; a refused file changes nothing.
    Raises InputError naming file and line, StoreError.
    """
    before = _stamp(path)
    version = _version(path)
    target = f"{VERSIONS}:{name}:{version}"
    with store_errors():
        current: Any = client.hget(VERSIONS, name)
        replaced = current.decode() if current else None
        size: Any = client.hlen(target)
        if replaced == version and size:
            return LoadedList(name, version, size, replaced)
        aside = f"{target}:{uuid4().hex}"
        try:
            size = _build(client, aside, read_lists(path, kind, n_tracks))
            if not size:
                raise InputError(f"{path}: no list in it")
            if _stamp(path) != before:
                raise InputError(f"{path}: changed while it was read; load it again")
            client.eval(script("switch"), 3, aside, target, VERSIONS, name, version)
        finally:
            client.unlink(aside)
    return LoadedList(name, version, size, replaced)


def _build(client: "redis.Redis", key: str, rows: Iterable[tuple[str, bytes]]) -> int:
    size = 0
    for batch in _batches(rows):
        pipeline = client.pipeline(transaction=False)
        pipeline.hset(key, mapping=batch)
        pipeline.expire(key, _ABANDONED_AFTER)
        pipeline.execute()
        size += len(batch)
    return size


def _batches(rows: Iterable[tuple[str, bytes]]) -> Iterator[dict[Any, Any]]:
    remaining = iter(rows)
    while batch := dict(islice(remaining, _BATCH)):
        yield batch


def _version(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        stat = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
