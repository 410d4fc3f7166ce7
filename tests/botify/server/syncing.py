"""What tests of the sync share."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from botify.lists.reader import ListKind
from botify.server.data_sync import DataSync
from botify.store.keys import LIST_VERSIONS, REFUSALS

N_TRACKS = 100
ROUND = 0.1
SETTLE = 0.2
"""Seconds between two rounds, and those for which a file must not change: longer."""
KINDS = {"dae": ListKind.USERS, "top_tracks": ListKind.TOP}

Keep = Callable[..., DataSync]


def users(first_track: int) -> str:
    rows = ({"user": user, "tracks": [first_track, 50]} for user in range(500))
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def replace(path: Path, text: str) -> None:
    """The file's content, changed in one step."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    os.replace(aside, path)


def eventually(condition: Callable[[], object]) -> None:
    """Wait until it holds; a Redis that is away is none that it holds of."""
    deadline = time.monotonic() + 30
    while True:
        try:
            if condition():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def first_track(client: "redis.Redis") -> int | None:
    """The first track of user 7's list as it is served."""
    version: Any = client.hget(LIST_VERSIONS, "dae")
    packed: Any = version and client.hget(f"{LIST_VERSIONS}:dae:{version.decode()}", "7")
    return int.from_bytes(packed[:4], "little") if packed else None


def refusal(client: "redis.Redis") -> str:
    found: Any = client.hget(REFUSALS, "dae")
    return found.decode() if found else ""


def in_service(client: "redis.Redis") -> bool:
    """Whether each list is there with the version that is said to be served."""
    served: Any = client.hgetall(LIST_VERSIONS)
    keys = {f"{LIST_VERSIONS}:{name.decode()}:{v.decode()}".encode() for name, v in served.items()}
    return len(served) == len(KINDS) and keys == set(client.keys(f"{LIST_VERSIONS}:*"))


def pass_rounds(client: "redis.Redis") -> None:
    """Let at least two rounds pass over every list."""
    for _ in range(3):
        version: Any = client.hget(LIST_VERSIONS, "top_tracks")
        client.delete(f"{LIST_VERSIONS}:top_tracks:{version.decode()}")
        eventually(lambda: in_service(client))


def size(client: "redis.Redis") -> int:
    """How many users have a list in service."""
    version: Any = client.hget(LIST_VERSIONS, "dae")
    return client.hlen(f"{LIST_VERSIONS}:dae:{version.decode()}")
