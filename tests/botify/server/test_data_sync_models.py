"""Models that the keeper puts into service, whatever their files hold."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import redis

from botify.config import ListFile
from botify.lists.loader import REFUSED
from botify.lists.reader import ListKind
from botify.server.data_sync import Keeper, Shelved
from botify.session_model.repository import Shelf
from botify.store.sessions import VERSIONS

from .syncing import (
    SETTLE,
    eventually,
    replace,
)

pytestmark = pytest.mark.integration


class Twelve(NamedTuple):
    """A keeper's models: one named hears, of twelve tracks."""

    file: Path
    shelf: Shelf


@pytest.fixture
def twelve(
    valkey_url: str, client: "redis.Redis", tmp_path: Path, write_sessions: Callable[..., Path]
) -> Iterator[Twelve]:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "top.json").write_text("[3, 4]")
    shelf = Shelf(tmp_path / "shelf")
    file = write_sessions(tmp_path / "s.safetensors", 12)
    shelf.put("hears", file, 12)
    kinds, top = {"top_tracks": ListKind.TOP}, {"top_tracks": ListFile(file=tmp_path / "top.json")}
    keeper = Keeper(
        valkey_url, top, kinds, 12, True, None, Shelved(shelf, {"hears": file}), SETTLE, 0.5
    )
    keeper.start()
    eventually(lambda: client.hget(VERSIONS, "top_tracks"))
    yield Twelve(file, shelf)
    keeper.stop()


@pytest.mark.parametrize("content", [b"\xa0\x86\x01\0\0\0\0\0" + b"[" * 100_000, b"", None])
def test_whatever_a_model_s_file_holds_keeps_no_list_from_being_loaded(
    client: "redis.Redis", twelve: Twelve, content: bytes | None, tmp_path: Path
) -> None:
    before = client.hget(VERSIONS, "top_tracks")
    twelve.file.unlink()
    if content is None:
        os.mkfifo(twelve.file)
    else:
        twelve.file.write_bytes(content)
    replace(tmp_path / "top.json", "[4, 3, 2]")
    eventually(lambda: client.hget(VERSIONS, "top_tracks") != before)
    eventually(lambda: str(twelve.file).encode() in (client.hget(REFUSED, "hears") or b""))


def test_a_model_that_forgets_most_users_is_refused(
    client: "redis.Redis", twelve: Twelve, write_sessions: Callable[..., Path]
) -> None:
    version = twelve.shelf.version("hears")
    others = {"users": np.arange(6, 16, dtype=np.int64)}
    os.replace(write_sessions(twelve.file.with_suffix(".new"), 12, others), twelve.file)
    eventually(lambda: client.hget(REFUSED, "hears"))
    refused: Any = client.hget(REFUSED, "hears")
    assert b"only 4 of the 10 users in service are in it, less than least_kept (0.5)" in refused
    assert twelve.shelf.version("hears") == version
    others = {"users": np.arange(5, 15, dtype=np.int64)}
    os.replace(write_sessions(twelve.file.with_suffix(".new"), 12, others), twelve.file)
    eventually(lambda: twelve.shelf.version("hears") != version)
    eventually(lambda: not client.hget(REFUSED, "hears"))
