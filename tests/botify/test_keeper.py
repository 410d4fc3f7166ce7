"""The keeper: Redis and its lists as the config wants them, whatever happens to them."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.embedded import EmbeddedValkey
from botify.keeper import Keeper
from botify.list_loader import REFUSED, load_list
from botify.lists import ListKind
from botify.store import VERSIONS, connect

pytestmark = pytest.mark.integration

N_TRACKS = 100
KINDS = {"dae": ListKind.USERS, "top_tracks": ListKind.TOP}

Keep = Callable[..., Keeper]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, ListFile]:
    """A file of users' lists that begin with track 1, and one of popular tracks."""
    found = {name: ListFile(file=tmp_path / f"{name}.json") for name in KINDS}
    replace(found["dae"].file, users(1))
    replace(found["top_tracks"].file, "[3, 4]")
    return found


@pytest.fixture
def keep(valkey_url: str, files: dict[str, ListFile]) -> Iterator[Keep]:
    """keep(watch=..., url=..., embedded=...): a keeper that runs until the test ends."""
    started: list[Keeper] = []

    def start(
        watch: bool = False, url: str = valkey_url, embedded: EmbeddedValkey | None = None
    ) -> Keeper:
        keeper = Keeper(url, files, KINDS, N_TRACKS, watch, embedded)
        keeper.start()
        started.append(keeper)
        return keeper

    yield start
    for keeper in started:
        keeper.stop()


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
    version: Any = client.hget(VERSIONS, "dae")
    packed: Any = version and client.hget(f"{VERSIONS}:dae:{version.decode()}", "7")
    return int.from_bytes(packed[:4], "little") if packed else None


def refusal(client: "redis.Redis") -> str:
    found: Any = client.hget(REFUSED, "dae")
    return found.decode() if found else ""


def in_service(client: "redis.Redis") -> bool:
    """Whether each list is there with the version that is said to be served."""
    served: Any = client.hgetall(VERSIONS)
    keys = {f"{VERSIONS}:{name.decode()}:{v.decode()}".encode() for name, v in served.items()}
    return len(served) == len(KINDS) and keys == set(client.keys(f"{VERSIONS}:*"))


def pass_rounds(client: "redis.Redis") -> None:
    """Let the keeper look at every list at least twice."""
    for _ in range(3):
        version: Any = client.hget(VERSIONS, "top_tracks")
        client.delete(f"{VERSIONS}:top_tracks:{version.decode()}")
        eventually(lambda: in_service(client))


def test_an_embedded_valkey_that_is_killed_comes_back_with_all_lists(keep: Keep) -> None:
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        keeper = keep(url=valkey.url, embedded=valkey)
        eventually(lambda: in_service(client))
        before: Any = client.hgetall(VERSIONS)
        server: Any = client.info("server")
        os.kill(server["process_id"], signal.SIGKILL)
        eventually(lambda: in_service(client) and valkey.alive())
        after: Any = client.info("server")
        assert after["process_id"] != server["process_id"]
        assert client.hgetall(VERSIONS) == before
        keeper.stop()  # before its Valkey goes


def test_lists_come_back_after_a_flush(client: "redis.Redis", keep: Keep) -> None:
    keep()
    eventually(lambda: in_service(client))
    before = client.hgetall(VERSIONS)
    client.flushall()
    eventually(lambda: in_service(client))
    assert client.hgetall(VERSIONS) == before


def test_a_single_list_that_is_lost_comes_back(client: "redis.Redis", keep: Keep) -> None:
    keep()
    eventually(lambda: in_service(client))
    version: Any = client.hget(VERSIONS, "dae")
    client.delete(f"{VERSIONS}:dae:{version.decode()}")
    eventually(lambda: first_track(client) == 1)


def test_a_redis_that_is_away_is_waited_for(keep: Keep, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="botify.keeper")
    valkey = EmbeddedValkey()
    try:
        keep(url=valkey.url)
        eventually(lambda: "cannot look after Redis" in caplog.text)
        valkey.start()
        with connect(valkey.url) as client:
            eventually(lambda: in_service(client))
            eventually(lambda: "looked after again" in caplog.text)
        troubles = [r for r in caplog.records if "cannot look after" in r.message]
        assert len(troubles) == 1
    finally:
        valkey.stop()


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


def test_stopping_does_not_wait_for_a_long_load(
    client: "redis.Redis", keep: Keep, files: dict[str, ListFile]
) -> None:
    rows = (f'{{"user": {user}, "tracks": [1]}}\n' for user in range(300_000))
    replace(files["dae"].file, "".join(rows))
    keeper = keep()
    eventually(lambda: client.keys(f"{VERSIONS}:dae:*"))  # what is being built
    keeper.stop()
    assert client.hget(VERSIONS, "dae") is None
    assert client.keys(f"{VERSIONS}:dae:*") == []
