"""Lists into Redis: built aside, checked, then switched to at once."""

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
from botify.files.reading import check_kept, open_regular, refusing
from botify.lists.reader import EVERYONE, ListKind, read_lists
from botify.store.client import script, store_errors
from botify.store.redis_memory import read_memory
from botify.store.sessions import VERSIONS

REFUSED = "botify:refused"
"""Hash of list name -> why its file was refused; a load that succeeds removes the name."""

CONFIGURED = "botify:configured"
"""Hash of list name -> version of the config's own file when it was last loaded."""

_BATCH = 256
"""Lists per command: the server answers requests between two commands, not within one."""
_AHEAD = 16
"""Commands sent before the answer to the first of them is read."""
_ABANDONED_AFTER = 600
"""Seconds after its last command when Redis drops what an interrupted load left behind."""


@dataclass(frozen=True)
class LoadedList:
    """A list that Redis now serves."""

    name: str
    version: str
    size: int
    """Users or tracks with a list; 1 for the popular tracks."""
    replaced: str | None
    """The version served before, equal to `version` where nothing had to be done."""
    lost: int = 0
    """Users or tracks that had a list in the version before, and have none now."""


def kind_of(config: Config, name: str) -> ListKind:
    """Which format the file of the list `name` has. Raises InputError for an unknown name."""
    if name in config.lists:
        return ListKind.USERS
    if name in config.neighbours:
        return ListKind.NEIGHBOURS
    if name == TOP_TRACKS:
        return ListKind.TOP
    raise InputError(f"no list is named {name!r}; the config has {', '.join(config.list_files)}")


def load_list(
    client: "redis.Redis",
    name: str,
    spec: ListFile,
    kind: ListKind,
    n_tracks: int,
    progress: Callable[[int], object] = lambda count: None,
    over: str | None = None,
    least: float = 0.0,
) -> LoadedList:
    """Check the file and put it into service as the list `name`, replacing the one served.

    The version is a hash of the file's content and of what it is checked against: a file already
    in service is not loaded again. Readers see the old list or the new one, never a mixture; a
    refused file changes nothing. `progress` is told how many more lists are on their way, some
    hundreds at a time; what it raises ends the load. With `over`, the list is switched to only
    where that is still the version named for it ("" for none): who looked, and found nothing to
    serve, must not undo what somebody else has loaded since. With `least`, a file is refused in
    which less than that share of the owners of lists in service has one, or which has less than
    that share of the popular tracks: half of a file is not seen to be one otherwise.
    Raises InputError naming file and line, whatever the file holds, or that Redis has no room for
    it; StoreError.
    """
    before = stamp_of(spec.file)
    version = _version(spec, kind, n_tracks)
    target = f"{VERSIONS}:{name}:{version}"
    lost = 0
    with store_errors():
        current: Any = client.hget(VERSIONS, name)
        replaced = current.decode() if current else None
        size: Any = client.hlen(target)
        if replaced != version or not size:
            aside = f"{target}:{uuid4().hex}"
            served = f"{VERSIONS}:{name}:{replaced}" if replaced else None
            rows = _rows(spec, kind, n_tracks)
            try:
                size, kept = _build(client, aside, rows, progress, served)
                if not size:
                    raise InputError(f"{spec.file}: no list in it")
                _check_unchanged(spec.file, before)
                if served:
                    if client.hget(VERSIONS, name) != current:
                        kept = size  # another load came between: only numbers can be compared
                    lost = _lost(client, spec, kind, (served, aside), kept, least)
                keys = (aside, target, VERSIONS)
                only = ("", "") if over is None else ("over", over)
                switch: Any = client.eval(
                    script("switch_list"), len(keys), *keys, name, version, size, *only
                )
                switched, old = switch[0], switch[1].decode() or None
                if not switched:
                    return LoadedList(
                        name, old or "", client.hlen(f"{VERSIONS}:{name}:{old}"), old
                    )
                replaced = old
            except BaseException as error:
                with suppress(redis.RedisError):  # then it expires
                    client.unlink(aside)
                if isinstance(error, InputError):  # the mistake may be half of a change
                    _check_unchanged(spec.file, before)
                if isinstance(error, _LostError | redis.exceptions.OutOfMemoryError):
                    _check_room(client, spec.file, isinstance(error, _LostError))
                raise
        client.hdel(REFUSED, name)
    return LoadedList(name, version, size, replaced, lost)


def load_configured(
    client: "redis.Redis",
    name: str,
    spec: ListFile,
    kind: ListKind,
    n_tracks: int,
    least: float = 0.0,
) -> LoadedList:
    """What a start does with a file of the config: `load_list`, if the file is new to this Redis.

    Otherwise what is in service stays: it may have been loaded since, and one service that starts
    must not undo that for all others. Raises InputError, StoreError.
    """
    with store_errors():
        known: Any = client.hget(CONFIGURED, name)
        served: Any = client.hget(VERSIONS, name)
        if known and served and known.decode() == _version(spec, kind, n_tracks):
            version = served.decode()
            size: Any = client.hlen(f"{VERSIONS}:{name}:{version}")
            if size:
                return LoadedList(name, version, size, version)
        loaded = load_list(client, name, spec, kind, n_tracks, least=least)
        client.hset(CONFIGURED, name, loaded.version)
    return loaded


class NoRoomError(InputError):
    """Redis has no room for the lists of a file, with which nothing is wrong."""


class _LostError(redis.ResponseError):
    """Lists that were stored are not there any more."""


def _check_room(client: "redis.Redis", file: Path, dropped: bool) -> None:
    """Whether a load that Redis refused, or of which it dropped a part, can be for its limit."""
    memory = read_memory(client)
    if memory is not None and memory.limit and (memory.evicted or not dropped):
        raise NoRoomError(
            f"{file}: does not fit into Redis ({memory}), which needs room for the old lists and "
            "the new ones at once; give it more (redis_maxmemory, or maxmemory of your own Redis)"
        )


def _check_unchanged(path: Path, before: Stamp | None) -> None:
    if stamp_of(path) != before:
        raise InputError(f"{path}: changed while it was read; load it again")


def _version(spec: ListFile, kind: ListKind, n_tracks: int) -> str:
    with open_regular(spec.file) as file, refusing(spec.file):
        # Not only once all of it was read, which may take for ever.
        check = check_size if kind is ListKind.TOP else check_first_line
        check(spec.file, file)
        content = hashlib.file_digest(file, "sha256")
    content.update(f"{kind.name} {n_tracks} {spec.length}".encode())
    return content.hexdigest()[:12]


def _lost(
    client: "redis.Redis",
    spec: ListFile,
    kind: ListKind,
    keys: tuple[str, str],
    kept: int,
    least: float,
) -> int:
    """How many owners in the hash in service have no list in the new one (`keys`: both).

    Raises InputError where they are too many, or popular tracks too few.
    """
    if kind is ListKind.TOP:
        lengths: list[Any] = [client.hstrlen(key, EVERYONE) for key in keys]
        check_kept(spec.file, "popular tracks", lengths[0] // 4, lengths[1] // 4, least)
        return 0
    had = int(client.hlen(keys[0]))
    what = "users" if kind is ListKind.USERS else "tracks with neighbours"
    check_kept(spec.file, what, had, kept, least)
    return max(0, had - kept)


def _rows(spec: ListFile, kind: ListKind, n_tracks: int) -> Iterator[tuple[str, bytes]]:
    with refusing(spec.file):
        yield from read_lists(spec.file, kind, n_tracks, spec.length)


def _build(
    client: "redis.Redis",
    key: str,
    rows: Iterable[tuple[str, bytes]],
    progress: Callable[[int], object],
    served: str | None,
) -> tuple[int, int]:
    """Store the rows as fields of the hash `key`, which expires.

    Returns how many they are, and how many of them the hash `served` has, where one is given.
    """
    size = kept = unread = stored = 0
    with _connection(client) as connection:

        def read(until: int) -> None:
            nonlocal unread, kept, stored
            while unread > until:
                answer = connection.read_response()
                kept += answer if isinstance(answer, int) else 0  # only count_owners.lua's is one
                unread -= 1
                if isinstance(answer, list):  # of EXEC: fields that are new, ..., fields there are
                    stored += answer[0]
                    if answer[-1] != stored:
                        raise _LostError(
                            "part of the list was lost while it was loaded; load it again"
                        )

        def send(*commands: tuple[Any, ...]) -> None:
            nonlocal unread
            connection.send_packed_command(connection.pack_commands(commands))
            unread += len(commands)

        try:
            for batch in _batches(rows):
                # Together or not at all: a loader that dies leaves no key that stays for good.
                fields = chain.from_iterable(batch)
                expire = ("EXPIRE", key, _ABANDONED_AFTER)
                count = ("HLEN", key)  # its Redis may evict what expires
                send(("MULTI",), ("HSET", key, *fields), expire, count, ("EXEC",))
                if served:
                    send(
                        ("EVAL", script("count_owners"), 1, served, *(owner for owner, _ in batch))
                    )
                # Redis stores while the next lists are read and checked here.
                read(until=5 * _AHEAD)
                size += len(batch)
                progress(len(batch))
        except redis.RedisError:
            raise
        except Exception:
            # Rows are refused, and the key is dropped next: nothing may reach it after that.
            read(until=0)
            raise
        read(until=0)
    return size, kept


@contextmanager
def _connection(client: "redis.Redis") -> Iterator[Any]:
    """One of the client's connections for commands whose answers are read later."""
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()  # with whatever was not read
        raise
    finally:
        pool.release(connection)


def _batches(rows: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
