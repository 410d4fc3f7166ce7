"""Lists into Redis: built under a temporary key, checked, then switched to atomically."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from botify.config import (
    ITEM_LIST,
    POPULAR_LIST,
    TOP_TRACKS,
    ListFile,
    ServiceConfig,
    ShopConfig,
)
from botify.errors import InputError
from botify.files.filestamp import Stamp, stamp_of
from botify.files.jsonlines import check_first_line, check_size
from botify.files.reading import as_input_errors, check_kept, open_regular
from botify.lists import item_reader
from botify.lists.reader import EVERYONE, ListKind, read_lists
from botify.store.client import script_text, store_errors
from botify.store.keys import MUSIC_KEYS, Keys
from botify.store.redis_memory import read_redis_memory

_BATCH = 256
"""Lists per command: between two commands, the server answers requests."""
_CHECKED = 2000
"""Items per command that looks them up."""
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


def kind_of(config: ServiceConfig, name: str) -> ListKind:
    """The kind of the list `name`. Raises InputError for an unknown name."""
    shop = isinstance(config, ShopConfig)
    if name in config.lists:
        return ListKind.USER_ITEMS if shop else ListKind.USERS
    if name in config.neighbours:
        return ListKind.ITEM_NEIGHBOURS if shop else ListKind.NEIGHBOURS
    if shop and name in (ITEM_LIST, POPULAR_LIST):
        return ListKind.ITEMS if name == ITEM_LIST else ListKind.POPULAR_ITEMS
    if not shop and name == TOP_TRACKS:
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
    keys: Keys = MUSIC_KEYS,
) -> LoadedList:
    """Check the file and put it into service as the list `name`, replacing the one served.

    The version is a hash of the file's content and of what it is checked against: a file already
    in service is not loaded again. Readers see the old list or the new one, never a mixture; a
    refused file changes nothing. `progress` is called with the number of lists sent since the last
    call, some hundreds; what it raises ends the load. `replacing`: switch only if this is still
    the version recorded for the list ("" for none), so that a load of a missing list does not undo
    one that another process has loaded since. `min_kept`: refuse a file that has lists for less
    than this share of the owners of lists in service, or less than this share of the popular
    tracks; half of a file looks like a whole one otherwise. `keys`: of the service's face. Lists
    with owners' ids (then `n_tracks` has no meaning) must be of items that are in service.
    Raises InputError, naming file and line, for any fault of the file, and if Redis has no room
    for it; StoreError.
    """
    before = stamp_of(spec.file)
    version = _version(spec, kind, n_tracks)
    target = f"{keys.lists}:{name}:{version}"
    lost = 0
    with store_errors():
        current: Any = client.hget(keys.lists, name)
        replaced = current.decode() if current else None
        size: Any = client.hlen(target)
        if replaced != version or not size:
            temporary = f"{target}:{uuid4().hex}"
            served = f"{keys.lists}:{name}:{replaced}" if replaced else None
            rows = _rows(spec, kind, n_tracks)
            try:
                items = _ItemCheck(spec.file, kind, keys) if _names_items(kind) else None
                size, kept = _build(client, temporary, rows, progress, served, items)
                if not size:
                    raise InputError(f"{spec.file}: no list in it")
                _check_unchanged(spec.file, before)
                if served:
                    if client.hget(keys.lists, name) != current:
                        kept = size  # another load came between: only the sizes can be compared
                    lost = _count_lost(client, spec, kind, (served, temporary), kept, min_kept)
                condition = ("", "") if replacing is None else ("replacing", replacing)
                of_switch = (temporary, target, keys.lists, name, version, size, *condition)
                switch: Any = client.eval(script_text("switch_list"), 3, *of_switch)
                switched, old = switch[0], switch[1].decode() or None
                if not switched:
                    return LoadedList(
                        name, old or "", client.hlen(f"{keys.lists}:{name}:{old}"), old
                    )
                replaced = old
            except BaseException as error:
                with suppress(redis.RedisError):  # it expires then
                    client.unlink(temporary)
                if isinstance(error, InputError):  # the file may have been changed meanwhile
                    _check_unchanged(spec.file, before)
                if isinstance(error, _PartLostError) and kind.has_owners_ids and error.repeated:
                    raise InputError(item_reader.first_repeated(spec.file, kind)) from error
                if isinstance(error, _PartLostError | redis.exceptions.OutOfMemoryError):
                    _check_room(client, spec.file, isinstance(error, _PartLostError))
                raise
        client.hdel(keys.refusals, name)
    return LoadedList(name, version, size, replaced, lost)


def load_configured(
    client: "redis.Redis",
    name: str,
    spec: ListFile,
    kind: ListKind,
    n_tracks: int,
    min_kept: float = 0.0,
    keys: Keys = MUSIC_KEYS,
) -> LoadedList:
    """At a start: `load_list` of a file of the config, if the file is new to this Redis.

    Otherwise the list in service stays: it may have been loaded since by hand, and one service
    that starts must not undo that for all others. Raises InputError, StoreError.
    """
    with store_errors():
        known: Any = client.hget(keys.configured, name)
        served: Any = client.hget(keys.lists, name)
        if known and served and known.decode() == _version(spec, kind, n_tracks):
            version = served.decode()
            size: Any = client.hlen(f"{keys.lists}:{name}:{version}")
            if size:
                return LoadedList(name, version, size, version)
        loaded = load_list(client, name, spec, kind, n_tracks, min_kept=min_kept, keys=keys)
        client.hset(keys.configured, name, loaded.version)
    return loaded


class NoRoomError(InputError):
    """Redis has no room for the lists of a file that is fine."""


_PART_LOST = "part of the list was lost while it was loaded; load it again"


class _PartLostError(redis.ResponseError):
    """Lists that were stored are missing, or were not there more than once."""

    repeated = False
    """Whether owners came twice, and nothing is missing."""


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
        whole = kind in (ListKind.TOP, ListKind.POPULAR_ITEMS)
        check = check_size if whole else check_first_line
        check(spec.file, file)
        content = hashlib.file_digest(file, "sha256")
    content.update(f"{kind.name} {n_tracks} {spec.length}".encode())
    return content.hexdigest()[:12]


_OWNERS = {
    ListKind.USERS: "users",
    ListKind.NEIGHBOURS: "tracks with neighbours",
    ListKind.ITEMS: "items",
    ListKind.USER_ITEMS: "users",
    ListKind.ITEM_NEIGHBOURS: "items with neighbours",
}


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
    what = _OWNERS.get(kind, "lists")
    check_kept(spec.file, what, had, kept, min_kept)
    return max(0, had - kept)


def _rows(spec: ListFile, kind: ListKind, n_tracks: int) -> Iterator[tuple[str, bytes]]:
    with as_input_errors(spec.file):
        if kind.has_owners_ids:
            yield from item_reader.read_item_lists(spec.file, kind, spec.length)
        else:
            yield from read_lists(spec.file, kind, n_tracks, spec.length)


def _names_items(kind: ListKind) -> bool:
    return kind.has_owners_ids and kind is not ListKind.ITEMS


class _ItemCheck:
    """Checks that the items of lists are in the catalog that is served, in Redis itself: so no
    process needs a million ids in its memory."""

    def __init__(self, file: Path, kind: ListKind, keys: Keys) -> None:
        self._file = file
        self._kind = kind
        self._key = keys.lists

    def commands(self, batch: Sequence[tuple[str, bytes]]) -> Iterator[tuple[Any, ...]]:
        """Commands to check the rows by, none of which keeps requests waiting for long."""
        ids: dict[bytes, None] = {}
        for owner, packed in batch:
            ids.update(dict.fromkeys(item_reader.ids_in(self._kind, owner, packed)))
        remaining = iter(ids)
        while some := list(islice(remaining, _CHECKED)):
            yield "EVAL", script_text("unknown_item"), 1, self._key, *some

    def refusal(self, item: bytes) -> InputError:
        """The error for a list with this item."""
        name = item.decode()
        place = item_reader.first_with(self._file, self._kind, name)
        return InputError(f"{place}: item {name!r} is not among the items in service (items.json)")


def _build(
    client: "redis.Redis",
    key: str,
    rows: Iterable[tuple[str, bytes]],
    progress: Callable[[int], object],
    served: str | None,
    items: _ItemCheck | None = None,
) -> tuple[int, int]:
    """Store the rows as fields of the hash `key`, which expires.

    Returns their number, and how many of their owners the hash `served` has, if it is given.
    Raises InputError for a row that `items` refuses.
    """
    size = kept = unread = stored = 0
    unknown: bytes | None = None
    with _connection(client) as connection:

        def read(until: int) -> None:
            nonlocal unread, kept, stored, unknown
            while unread > until:
                answer = connection.read_response()
                kept += (
                    answer if isinstance(answer, int) else 0
                )  # only the reply of count_owners.lua is one
                unread -= 1
                if not isinstance(answer, list):
                    continue
                if isinstance(answer[0], bytes):  # of unknown_item.lua
                    unknown = unknown or answer[0]
                    continue
                # Of EXEC: fields that are new, ..., fields there are.
                stored += answer[0]
                if answer[-1] != stored:
                    raise _PartLostError(_PART_LOST)

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
                if items:
                    send(*items.commands(batch))
                # Meanwhile Redis stores them, the next lists are read and checked here.
                read(until=5 * _PIPELINED)
                if items and unknown:
                    raise items.refusal(unknown)
                size += len(batch)
                progress(len(batch))
        except redis.RedisError:
            raise
        except Exception:
            # The file is refused, and the key is dropped next: no command may reach it after that.
            read(until=0)
            raise
        read(until=0)
    if items and unknown:
        raise items.refusal(unknown)
    if stored < size:
        lost = _PartLostError(_PART_LOST)
        lost.repeated = True
        raise lost
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
