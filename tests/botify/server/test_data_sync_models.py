"""Models of watched files, whatever these hold."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import redis

from botify.config import ListFile
from botify.lists.reader import ListKind
from botify.server.data_sync import DataSync, FileRules, WatchedModels
from botify.session_model.repository import ModelRepository
from botify.store.keys import LIST_VERSIONS, REFUSALS

from .syncing import (
    SETTLE,
    eventually,
    replace,
)

pytestmark = pytest.mark.integration


class Twelve(NamedTuple):
    """One watched model named hears, of twelve tracks."""

    file: Path
    repository: ModelRepository


@pytest.fixture
def twelve(
    valkey_url: str, client: "redis.Redis", tmp_path: Path, write_sessions: Callable[..., Path]
) -> Iterator[Twelve]:
    (tmp_path / "repository").mkdir()
    (tmp_path / "top.json").write_text("[3, 4]")
    repository = ModelRepository(tmp_path / "repository")
    file = write_sessions(tmp_path / "s.safetensors", 12)
    repository.put("hears", file, 12)
    kinds, top = {"top_tracks": ListKind.TOP}, {"top_tracks": ListFile(file=tmp_path / "top.json")}
    sync = DataSync(
        valkey_url,
        top,
        kinds,
        12,
        FileRules(True, SETTLE, 0.5),
        models=WatchedModels(
            repository,
            {"hears": file},
            lambda name, at, kept: repository.put(name, at, 12, kept),
        ),
    )
    sync.start()
    eventually(lambda: client.hget(LIST_VERSIONS, "top_tracks"))
    yield Twelve(file, repository)
    sync.stop()


@pytest.mark.parametrize("content", [b"\xa0\x86\x01\0\0\0\0\0" + b"[" * 100_000, b"", None])
def test_whatever_a_model_s_file_holds_keeps_no_list_from_being_loaded(
    client: "redis.Redis", twelve: Twelve, content: bytes | None, tmp_path: Path
) -> None:
    before = client.hget(LIST_VERSIONS, "top_tracks")
    twelve.file.unlink()
    if content is None:
        os.mkfifo(twelve.file)
    else:
        twelve.file.write_bytes(content)
    replace(tmp_path / "top.json", "[4, 3, 2]")
    eventually(lambda: client.hget(LIST_VERSIONS, "top_tracks") != before)
    eventually(lambda: str(twelve.file).encode() in (client.hget(REFUSALS, "hears") or b""))


def test_a_model_that_forgets_most_users_is_refused(
    client: "redis.Redis", twelve: Twelve, write_sessions: Callable[..., Path]
) -> None:
    version = twelve.repository.version("hears")
    others = {"users": np.arange(6, 16, dtype=np.int64)}
    os.replace(write_sessions(twelve.file.with_suffix(".new"), 12, others), twelve.file)
    eventually(lambda: client.hget(REFUSALS, "hears"))
    refused: Any = client.hget(REFUSALS, "hears")
    assert b"only 4 of the 10 users in service are in it, less than least_kept (0.5)" in refused
    assert twelve.repository.version("hears") == version
    others = {"users": np.arange(5, 15, dtype=np.int64)}
    os.replace(write_sessions(twelve.file.with_suffix(".new"), 12, others), twelve.file)
    eventually(lambda: twelve.repository.version("hears") != version)
    eventually(lambda: not client.hget(REFUSALS, "hears"))


def test_a_model_whose_file_is_deleted_stays_and_this_is_reported(
    client: "redis.Redis", twelve: Twelve, caplog: pytest.LogCaptureFixture
) -> None:
    version = twelve.repository.version("hears")
    away = twelve.file.with_suffix(".away")
    twelve.file.rename(away)
    gone = f"{twelve.file}: the file is gone"
    eventually(lambda: client.hget(REFUSALS, "hears") == gone.encode())
    client.delete(REFUSALS)
    eventually(lambda: client.hget(REFUSALS, "hears") == gone.encode())  # again
    assert caplog.text.count(f"model hears: {gone}; it stays in service") == 1
    assert twelve.repository.version("hears") == version
    away.rename(twelve.file)
    eventually(lambda: not client.hget(REFUSALS, "hears"))
