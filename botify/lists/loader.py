"""Lists into Redis: built under a temporary key, checked, then switched to atomically."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from botify.config import TOP_TRACKS, Config, ListFile
from botify.errors import InputError
from botify.files.filestamp import Stamp, stamp_of
from botify.files.jsonlines import check_first_line, check_size
from botify.files.reading import as_input_errors, check_kept, open_regular
from botify.lists.reader import EVERYONE, ListKind, read_lists
from botify.store.client import script_text, store_errors
from botify.store.keys import CONFIGURED_VERSIONS, LIST_VERSIONS, REFUSALS
from botify.store.redis_memory import read_redis_memory

_BATCH = 256
"""Lists per command: between two commands, the server answers requests."""
_PIPELINED = 16
"""Commands sent before the reply to the first of them is read."""
_BUILD_TTL = 600
"""Seconds after its last command until Redis drops what an interrupted load left."""


@dataclass(frozen=True)
class LoadedList:
    """A list in service."""

    name: str
    version: str
    size: int
    """Users or tracks with a list; 1 for the popular tracks."""
    replaced: str | None
    """The version served before; equal to `version` if nothing had to be done."""
    lost: int = 0
    """Users or tracks that have a list in the version before and none in this one."""


def kind_of(config: Config, name: str) -> ListKind:
    """The kind of the list `name`. Raises InputError for an unknown name."""
    if name in config.lists:
        return ListKind.USERS
    if name in config.neighbours:
        return ListKind.NEIGHBOURS
    if name == TOP_TRACKS:
        return ListKind.TOP
    raise InputError(f"there is no list {name!r}; the config has {', '.join(config.list_files)}")


def load_list(
    client: "redis.Redis",
    name: str,
    spec: ListFile,
    kind: ListKind,
    n_tracks: int,
    progress: Callable[[int], object] = lambda count: None,
    replacing: str | None = None,
    min_kept: float = 0.0,
) -> LoadedList:
    """Check the file and put it into service as the list `name`, replacing the one served.

    The version is a hash of the file's content and of what it is checked against: a file already
    in service is not loaded again. Readers see the old list or the new one, never a mixture; a
    refused file changes nothing. `progress` is called with the number of lists sent since the last
    call, some hundreds; what it raises ends the load. `replacing`: switch only if this is still
    the version recorded for the list ("" for none), so that a load of a missing list does not undo
    one that another process has loaded since. `min_kept`: refuse a file that has lists for less
    than this share of the owners of lists in service, or less than this share of the popular
    tracks; half of a file looks like a whole one otherwise.
    Raises InputError, naming file and line, for any fault of the file, and if Redis has no room
    for it; StoreError.
    """
    before = stamp_of(spec.file)
    version = _version(spec, kind, n_tracks)
    target = f"{LIST_VERSIONS}:{name}:{version}"
    lost = 0
    with store_errors():
        current: Any = client.hget(LIST_VERSIONS, name)
        replaced = current.decode() if current else None
        size: Any = client.hlen(target)
        if replaced != version or not size:
            temporary = f"{target}:{uuid4().hex}"
            served = f"{LIST_VERSIONS}:{name}:{replaced}" if replaced else None
            rows = _rows(spec, kind, n_tracks)
            try:
                size, kept = _build(client, temporary, rows, progress, served)
                if not size:
                    raise InputError(f"{spec.file}: no list in it")
                _check_unchanged(spec.file, before)
                if served:
                    if client.hget(LIST_VERSIONS, name) != current:
                        kept = size  # another load came between: only the sizes can be compared
                    lost = _count_lost(client, spec, kind, (served, temporary), kept, min_kept)
                keys = (temporary, target, LIST_VERSIONS)
                condition = ("", "") if replacing is None else ("replacing", replacing)
                switch: Any = client.eval(
                    script_text("switch_list"), len(keys), *keys, name, version, size, *condition
                )
                switched, old = switch[0], switch[1].decode() or None
                if not switched:
                    return LoadedList(
                        name, old or "", client.hlen(f"{LIST_VERSIONS}:{name}:{old}"), old
                    )
                replaced = old
            except BaseException as error:
                with suppress(redis.RedisError):  # it expires then
                    client.unlink(temporary)
                if isinstance(error, InputError):  # the file may have been changed meanwhile
                    _check_unchanged(spec.file, before)
                if isinstance(error, _PartLostError | redis.exceptions.OutOfMemoryError):
                    _check_room(client, spec.file, isinstance(error, _PartLostError))
                raise
        client.hdel(REFUSALS, name)
    return LoadedList(name, version, size, replaced, lost)


def load_configured(
    client: "redis.Redis",
    name: str,
    spec: ListFile,
    kind: ListKind,
    n_tracks: int,
    min_kept: float = 0.0,
) -> LoadedList:
    """At a start: `load_list` of a file of the config, if the file is new to this Redis.

    Otherwise the list in service stays: it may have been loaded since by hand, and one service
    that starts must not undo that for all others. Raises InputError, StoreError.
    """
    with store_errors():
        known: Any = client.hget(CONFIGURED_VERSIONS, name)
        served: Any = client.hget(LIST_VERSIONS, name)
        if known and served and known.decode() == _version(spec, kind, n_tracks):
            version = served.decode()
            size: Any = client.hlen(f"{LIST_VERSIONS}:{name}:{version}")
            if size:
                return LoadedList(name, version, size, version)
        loaded = load_list(client, name, spec, kind, n_tracks, min_kept=min_kept)
        client.hset(CONFIGURED_VERSIONS, name, loaded.version)
    return loaded


class NoRoomError(InputError):
    """Redis has no room for the lists of a file that is fine."""


class _PartLostError(redis.ResponseError):
    """Lists that were stored are missing."""


def _check_room(client: "redis.Redis", file: Path, dropped: bool) -> None:
    """Raises NoRoomError if a load failed because Redis is at its limit.

    `dropped`: whether a part of it was lost; else it was refused.
    """
    memory = read_redis_memory(client)
    if memory is not None and memory.limit and (memory.evicted or not dropped):
        raise NoRoomError(
            f"{file}: does not fit into Redis ({memory}), which needs room for the old lists and "
            "the new ones at once; give it more (redis_maxmemory, or maxmemory of your own Redis)"
        )


def _check_unchanged(path: Path, before: Stamp | None) -> None:
    if stamp_of(path) != before:
        raise InputError(f"{path}: changed while it was read; load it again")


def _version(spec: ListFile, kind: ListKind, n_tracks: int) -> str:
    with open_regular(spec.file) as file, as_input_errors(spec.file):
        # Before all of it is read, which may take forever.
        check = check_size if kind is ListKind.TOP else check_first_line
        check(spec.file, file)
        content = hashlib.file_digest(file, "sha256")
    content.update(f"{kind.name} {n_tracks} {spec.length}".encode())
    return content.hexdigest()[:12]


def _count_lost(
    client: "redis.Redis",
    spec: ListFile,
    kind: ListKind,
    keys: tuple[str, str],
    kept: int,
    min_kept: float,
) -> int:
    """Number of owners in the hash in service without a list in the new one (`keys`: both).

    Raises InputError if they are too many, or popular tracks too few.
    """
    if kind is ListKind.TOP:
        lengths: list[Any] = [client.hstrlen(key, EVERYONE) for key in keys]
        check_kept(spec.file, "popular tracks", lengths[0] // 4, lengths[1] // 4, min_kept)
        return 0
    had = int(client.hlen(keys[0]))
    what = "users" if kind is ListKind.USERS else "tracks with neighbours"
    check_kept(spec.file, what, had, kept, min_kept)
    return max(0, had - kept)


def _rows(spec: ListFile, kind: ListKind, n_tracks: int) -> Iterator[tuple[str, bytes]]:
    with as_input_errors(spec.file):
        yield from read_lists(spec.file, kind, n_tracks, spec.length)


def _build(
    client: "redis.Redis",
    key: str,
    rows: Iterable[tuple[str, bytes]],
    progress: Callable[[int], object],
    served: str | None,
) -> tuple[int, int]:
    """Store the rows as fields of the hash `key`, which expires.

    Returns their number, and how many of their owners the hash `served` has, if it is given.
    """
    size = kept = unread = stored = 0
    with _connection(client) as connection:

        def read(until: int) -> None:
            nonlocal unread, kept, stored
            while unread > until:
                answer = connection.read_response()
                kept += (
                    answer if isinstance(answer, int) else 0
                )  # only the reply of count_owners.lua is one
                unread -= 1
                if isinstance(answer, list):  # of EXEC: fields that are new, ..., fields there are
                    stored += answer[0]
                    if answer[-1] != stored:
                        raise _PartLostError(
                            "part of the list was lost while it was loaded; load it again"
                        )

        def send(*commands: tuple[Any, ...]) -> None:
            nonlocal unread
            connection.send_packed_command(connection.pack_commands(commands))
            unread += len(commands)

        try:
            for batch in _batches(rows):
                # Atomically: a loader that dies must not leave a key that never expires.
                fields = chain.from_iterable(batch)
                expire = ("EXPIRE", key, _BUILD_TTL)
                count = ("HLEN", key)  # Redis may evict what expires
                send(("MULTI",), ("HSET", key, *fields), expire, count, ("EXEC",))
                if served:
                    send(
                        (
                            "EVAL",
                            script_text("count_owners"),
                            1,
                            served,
                            *(owner for owner, _ in batch),
                        )
                    )
                # Meanwhile Redis stores them, the next lists are read and checked here.
                read(until=5 * _PIPELINED)
                size += len(batch)
                progress(len(batch))
        except redis.RedisError:
            raise
        except Exception:
            # The file is refused, and the key is dropped next: no command may reach it after that.
            read(until=0)
            raise
        read(until=0)
    return size, kept


@contextmanager
def _connection(client: "redis.Redis") -> Iterator[Any]:
    """One of the client's connections, for commands whose replies are read later."""
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()  # and so drop unread replies
        raise
    finally:
        pool.release(connection)


def _batches(rows: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
