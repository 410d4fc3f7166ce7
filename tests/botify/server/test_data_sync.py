"""The parent's control loop: Redis runs with all lists, whatever happens to it or to files."""

import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.event_log.publications import Publications
from botify.lists.loader import load_list
from botify.lists.reader import ListKind
from botify.server.data_sync import DataSync, FileRules
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.keys import LIST_VERSIONS, REFUSALS
from contract.files import PUBLISHED

from .syncing import (
    KINDS,
    N_TRACKS,
    SETTLE,
    Keep,
    eventually,
    first_track,
    in_service,
    pass_rounds,
    refusal,
    replace,
    size,
    users,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def files(tmp_path: Path) -> dict[str, ListFile]:
    """A file of users' lists that begin with track 1, and one of popular tracks."""
    found = {name: ListFile(file=tmp_path / f"{name}.json") for name in KINDS}
    replace(found["dae"].file, users(1))
    replace(found["top_tracks"].file, "[3, 4]")
    return found


@pytest.fixture
def keep(valkey_url: str, files: dict[str, ListFile]) -> Iterator[Keep]:
    """keep(watch=..., url=..., embedded=..., settle=...): runs until the test ends."""
    started: list[DataSync] = []

    def start(
        watch: bool = False,
        url: str = valkey_url,
        embedded: EmbeddedValkey | None = None,
        settle: float = SETTLE,
    ) -> DataSync:
        rules = FileRules(watch, settle, min_kept=0.5)
        sync = DataSync(url, files, KINDS, N_TRACKS, rules, embedded=embedded)
        sync.start()
        started.append(sync)
        return sync

    yield start
    for sync in started:
        sync.stop()


def test_an_embedded_valkey_that_is_killed_comes_back_with_all_lists(keep: Keep) -> None:
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        sync = keep(url=valkey.url, embedded=valkey)
        eventually(lambda: in_service(client))
        before: Any = client.hgetall(LIST_VERSIONS)
        server: Any = client.info("server")
        os.kill(server["process_id"], signal.SIGKILL)
        eventually(lambda: in_service(client) and valkey.alive())
        after: Any = client.info("server")
        assert after["process_id"] != server["process_id"]
        assert client.hgetall(LIST_VERSIONS) == before
        sync.stop()  # before its Valkey goes


def test_lists_come_back_after_a_flush(client: "redis.Redis", keep: Keep) -> None:
    keep()
    eventually(lambda: in_service(client))
    before = client.hgetall(LIST_VERSIONS)
    client.flushall()
    eventually(lambda: in_service(client))
    assert client.hgetall(LIST_VERSIONS) == before


def test_a_single_list_that_is_lost_comes_back(client: "redis.Redis", keep: Keep) -> None:
    keep()
    eventually(lambda: in_service(client))
    version: Any = client.hget(LIST_VERSIONS, "dae")
    client.delete(f"{LIST_VERSIONS}:dae:{version.decode()}")
    eventually(lambda: first_track(client) == 1)


def test_a_redis_that_is_away_is_waited_for(keep: Keep, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="botify.server.data_sync")
    valkey = EmbeddedValkey()
    try:
        keep(url=valkey.url)
        eventually(lambda: "loading of lists failed" in caplog.text)
        valkey.start()
        with connect(valkey.url) as client:
            eventually(lambda: in_service(client))
            eventually(lambda: "loading of lists recovered" in caplog.text)
        troubles = [r for r in caplog.records if "loading of lists failed" in r.message]
        assert len(troubles) == 1
    finally:
        valkey.stop()


def test_what_is_put_into_service_by_whomever_is_recorded(
    client: "redis.Redis", valkey_url: str, files: dict[str, ListFile], tmp_path: Path
) -> None:
    def recorded() -> list[str]:
        lines = (tmp_path / PUBLISHED).read_text().splitlines()
        return [said["version"] for said in map(json.loads, lines) if said["name"] == "dae"]

    sync = DataSync(
        *(valkey_url, files, KINDS, N_TRACKS, FileRules(True, SETTLE)),
        publications=Publications(tmp_path),
    )
    sync.start()
    try:
        eventually(lambda: in_service(client) and len(recorded()) == 1)
        replace(files["dae"].file, users(2))
        eventually(lambda: first_track(client) == 2 and len(recorded()) == 2)
        other = files["dae"].model_copy(update={"file": tmp_path / "other.json"})
        replace(other.file, users(5))
        loaded = load_list(client, "dae", other, KINDS["dae"], N_TRACKS)
        eventually(lambda: recorded()[2:] == [loaded.version])
        client.flushall()
        eventually(lambda: first_track(client) == 2 and len(recorded()) == 4)
    finally:
        sync.stop()


def test_a_watched_file_that_is_replaced_is_served(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    keep(watch=True)
    eventually(lambda: in_service(client))
    replace(files["dae"].file, users(2))
    eventually(lambda: first_track(client) == 2)
    replace(files["dae"].file, users(3))
    eventually(lambda: first_track(client) == 3)
    assert in_service(client)


def test_a_file_changed_while_nobody_looked_is_served_once_it_is_watched(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    load_list(client, "dae", files["dae"], ListKind.USERS, N_TRACKS)
    replace(files["dae"].file, users(2))
    keep(watch=True)
    eventually(lambda: first_track(client) == 2)


def test_a_file_that_is_not_watched_may_change(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    keep()
    eventually(lambda: in_service(client))
    replace(files["dae"].file, users(2))
    pass_rounds(client)
    assert first_track(client) == 1


def test_a_list_put_into_service_by_hand_stays_though_its_file_is_watched(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile], tmp_path: Path
) -> None:
    keep(watch=True)
    eventually(lambda: in_service(client))
    pass_rounds(client)
    replace(tmp_path / "other.json", users(9))
    other = ListFile(file=tmp_path / "other.json")
    load_list(client, "dae", other, ListKind.USERS, N_TRACKS)
    pass_rounds(client)
    assert first_track(client) == 9


def test_a_bad_watched_file_is_refused_until_a_good_one_comes(
    client: "redis.Redis",
    keep: Keep,
    files: dict[str, ListFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    keep(watch=True)
    eventually(lambda: in_service(client))
    path = files["dae"].file
    replace(path, users(2) + '{"user": 500, "tracks": [100]}\n')
    expected = f"{path}:501: `tracks`: track 100 is not in the catalog (0 to 99)"
    eventually(lambda: refusal(client) == expected)
    pass_rounds(client)
    assert first_track(client) == 1
    assert [r.getMessage() for r in caplog.records].count(
        f"list dae: its file is refused: {expected}"
    ) == 1

    replace(path, users(3))
    eventually(lambda: first_track(client) == 3)
    eventually(lambda: refusal(client) == "")


def test_a_list_that_is_missing_with_a_bad_file_is_told_to_every_new_redis(
    client: "redis.Redis",
    keep: Keep,
    files: dict[str, ListFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    replace(files["dae"].file, '{"user": 0, "tracks": []}\n')
    keep()
    for _ in range(2):
        eventually(lambda: "dae.json:1: `tracks` has 0 tracks" in refusal(client))
        assert first_track(client) is None
        client.flushall()
    assert caplog.text.count("its file is refused") == 1  # it was read but once
    replace(files["dae"].file, users(4))
    eventually(lambda: first_track(client) == 4)
    eventually(lambda: refusal(client) == "")


def test_a_missing_list_is_loaded_when_its_file_comes(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    files["dae"].file.unlink()
    keep()
    eventually(lambda: "dae.json: cannot be read" in refusal(client))
    replace(files["dae"].file, users(4))
    eventually(lambda: first_track(client) == 4)


def test_a_watched_file_that_is_deleted_is_reported_and_its_list_stays(
    client: "redis.Redis",
    keep: Keep,
    files: dict[str, ListFile],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = files["dae"].file
    keep(watch=True)
    eventually(lambda: in_service(client))
    version: Any = client.hget(LIST_VERSIONS, "dae")
    path.rename(path.with_suffix(".away"))
    eventually(lambda: refusal(client) == f"{path}: the file is gone")
    pass_rounds(client)
    assert client.hget(LIST_VERSIONS, "dae") == version
    assert first_track(client) == 1
    gone = f"list dae: {path}: the file is gone; it stays in service"
    assert [record.getMessage() for record in caplog.records].count(gone) == 1

    path.with_suffix(".away").rename(path)  # the same file again
    eventually(lambda: refusal(client) == "")
    path.unlink()
    eventually(lambda: refusal(client) == f"{path}: the file is gone")
    replace(path, users(3))
    eventually(lambda: first_track(client) == 3)
    eventually(lambda: refusal(client) == "")


def test_a_deleted_file_that_is_not_watched_is_no_trouble(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    keep()
    eventually(lambda: in_service(client))
    files["dae"].file.unlink()
    time.sleep(2 * SETTLE)
    pass_rounds(client)
    assert refusal(client) == ""


def test_stopping_does_not_wait_for_a_long_load(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    rows = (f'{{"user": {user}, "tracks": [1]}}\n' for user in range(300_000))
    replace(files["dae"].file, "".join(rows))
    sync = keep()
    eventually(lambda: client.keys(f"{LIST_VERSIONS}:dae:*"))  # what is being built
    sync.stop()
    assert client.hget(LIST_VERSIONS, "dae") is None
    assert client.keys(f"{LIST_VERSIONS}:dae:*") == []


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"user": 1.5, "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b"\xff\xfe" * 50,
        b"\0" * 5000,
        b'{"user": 1, "tracks": ' + b"9" * 5000 + b"}",
        b'{"user": 0, "tracks": [1]}\n{"user": 1, "tra',
        b'{"user": 0, "tracks": [1], "lists": 3}\n{"user": 1, "tracks": [1]}\n',
        None,
    ],
    ids=["brackets", "nested", "utf-16", "zeros", "digits", "torn", "part", "pipe"],
)
def test_whatever_a_file_holds_keeps_no_other_from_being_loaded(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile], content: bytes | None
) -> None:
    keep(watch=True)
    eventually(lambda: in_service(client))
    path, before = files["dae"].file, client.hget(LIST_VERSIONS, "top_tracks")
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    replace(files["top_tracks"].file, "[4, 3, 2]")
    eventually(lambda: str(path) in refusal(client))
    eventually(lambda: client.hget(LIST_VERSIONS, "top_tracks") != before)
    assert first_track(client) == 1


def test_a_reader_that_raises_what_nobody_thought_of_is_a_refusal_too(
    client: "redis.Redis",
    keep: Keep,
    files: dict[str, ListFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(*_: object) -> Iterator[tuple[str, bytes]]:
        yield "7", b"...."
        raise MemoryError

    monkeypatch.setattr("botify.lists.loader.read_lists", read)
    replace(files["dae"].file, users(2))
    keep()
    eventually(lambda: refusal(client) == f"{files['dae'].file}: cannot be read (MemoryError)")
    eventually(lambda: set(client.hkeys(REFUSALS)) == {b"dae", b"top_tracks"})  # type: ignore[arg-type]


def test_a_file_that_is_written_slowly_in_place_is_never_served_in_part(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    keep(watch=True, settle=1.2)
    eventually(lambda: in_service(client))
    lines = users(2).splitlines(keepends=True)
    sizes = set()
    with files["dae"].file.open("w") as file:
        for at in range(0, len(lines), 100):
            file.writelines(lines[at : at + 100])
            file.flush()
            until = time.monotonic() + 0.3  # a quarter of what a file must stay as it is
            while time.monotonic() < until:
                sizes.add(size(client))
                time.sleep(0.01)
    eventually(lambda: first_track(client) == 2)
    assert sizes == {500}
    assert size(client) == 500


def test_most_of_a_list_is_not_lost_by_a_file_that_stays_short(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    keep(watch=True)
    eventually(lambda: in_service(client))
    lines = users(2).splitlines(keepends=True)
    with files["dae"].file.open("w") as file:
        file.writelines(lines[:100])
        file.flush()
        expected = "only 100 of the 500 users in service are in it, less than least_kept (0.5)"
        eventually(lambda: expected in refusal(client))
        assert first_track(client) == 1
        file.writelines(lines[100:250])
    eventually(lambda: first_track(client) == 2)
    eventually(lambda: refusal(client) == "")
    assert size(client) == 250


def test_a_list_that_redis_has_no_room_for_keeps_no_other_from_being_loaded(
    client: "redis.Redis",
    keep: Keep,
    files: dict[str, ListFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botify.server.data_sync.RETRY_FULL_SECONDS", 1.0)
    rows = (f'{{"user": {user}, "tracks": {list(range(100))}}}\n' for user in range(20_000))
    replace(files["dae"].file, "".join(rows))
    used: Any = client.info("memory")
    client.config_set("maxmemory", used["used_memory"] + 3_000_000)
    try:
        keep()
        eventually(lambda: client.hget(LIST_VERSIONS, "top_tracks"))
        eventually(lambda: b"does not fit into Redis" in (client.hget(REFUSALS, "dae") or b""))
        assert client.hget(LIST_VERSIONS, "dae") is None
    finally:
        client.config_set("maxmemory", 0)
    eventually(lambda: in_service(client))
