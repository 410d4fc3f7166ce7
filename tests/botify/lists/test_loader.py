"""Lists into a real Valkey: all of a file or nothing of it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.errors import InputError
from botify.lists.loader import LoadedList, load_configured, load_list
from botify.lists.reader import ListKind
from botify.store.candidates import from_catalog, from_list
from botify.store.client import StoreError, connect
from botify.store.keys import LIST_VERSIONS, REFUSALS
from botify.store.sessions import Decision, SessionStore

pytestmark = pytest.mark.integration

Lines = Callable[..., Path]
N_TRACKS = 100
PLAN = (from_list("dae", "dae", "5", "first"), from_catalog("random"))
MANY = 6000
"""Lists of a file that takes more commands than are sent ahead of their answers."""


def load(
    client: "redis.Redis",
    path: Path,
    progress: Callable[[int], object] = lambda count: None,
    n_tracks: int = N_TRACKS,
    length: int | None = None,
) -> LoadedList:
    spec = ListFile(file=path, length=length)
    return load_list(client, "dae", spec, ListKind.USERS, n_tracks, progress)


def ask(client: "redis.Redis") -> Decision:
    """What user 5 is offered first in a session."""
    store = SessionStore(client, session_ttl=100, n_tracks=N_TRACKS)
    store.last(5)
    return store.next(5, 99, PLAN, (0.5, 0.5))


def users(n: int, first_track: int) -> list[dict[str, object]]:
    return [{"user": user, "tracks": [first_track, user % 50 + 10]} for user in range(n)]


def served(client: "redis.Redis", size: int) -> str:
    """The version served, after a look that it is whole, for good, and alone."""
    found: Any = client.hget(LIST_VERSIONS, "dae")
    version = str(found.decode())
    key = f"{LIST_VERSIONS}:dae:{version}".encode()
    assert client.keys(f"{LIST_VERSIONS}:*") == [key]
    assert client.hlen(key) == size
    assert client.ttl(key) == -1
    return version


def test_a_new_version_replaces_the_old_one_whole(
    client: "redis.Redis", write_lines: Lines
) -> None:
    first = load(client, write_lines("1.json", *users(MANY, 1)))
    assert (first.size, first.replaced) == (MANY, None)
    assert (ask(client).track, ask(client).model_version) == (1, first.version)

    second = load(client, write_lines("2.json", *users(10, 2)))
    assert (second.size, second.replaced) == (10, first.version)
    assert (ask(client).track, ask(client).model_version) == (2, second.version)
    assert served(client, 10) == second.version


def test_the_same_content_is_not_loaded_again(client: "redis.Redis", write_lines: Lines) -> None:
    path = write_lines("1.json", *users(3, 1))
    first = load(client, path)
    sent: list[int] = []
    again = load(client, path, progress=sent.append)
    assert (again.version, again.replaced, again.size) == (first.version, first.version, 3)
    assert sent == []


def test_a_file_is_checked_again_for_another_catalog_or_length(
    client: "redis.Redis", write_lines: Lines
) -> None:
    path = write_lines("1.json", *users(3, 1))
    versions = {load(client, path).version, load(client, path, length=2).version}
    assert len(versions) == 2
    with pytest.raises(InputError, match="track 12 is not in the catalog"):
        load(client, path, n_tracks=12)
    with pytest.raises(InputError, match=r"1\.json:1: `tracks` has 2 tracks; it must have 3"):
        load(client, path, length=3)


def test_progress_adds_up_to_the_lists(client: "redis.Redis", write_lines: Lines) -> None:
    sent: list[int] = []
    load(client, write_lines("1.json", *users(MANY, 1)), progress=sent.append)
    assert sum(sent) == MANY
    assert len(sent) > 10


def test_a_refused_file_changes_nothing(client: "redis.Redis", write_lines: Lines) -> None:
    good = load(client, write_lines("1.json", *users(9, 1)))
    bad = write_lines("2.json", *users(MANY, 2), {"user": MANY, "tracks": [100]})
    with pytest.raises(
        InputError, match=rf"2\.json:{MANY + 1}: .*track 100 is not in the catalog"
    ):
        load(client, bad)
    assert (ask(client).track, ask(client).model_version) == (1, good.version)
    assert served(client, 9) == good.version


def test_an_empty_or_missing_file_is_refused(
    client: "redis.Redis", write_lines: Lines, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"e\.json: no list in it"):
        load(client, write_lines("e.json"))
    with pytest.raises(InputError, match=r"gone\.json: cannot be read"):
        load(client, tmp_path / "gone.json")


@pytest.mark.parametrize("text", ["", json.dumps({"user": MANY, "tracks": [1]})])
def test_a_file_that_changes_while_it_is_read_is_refused(
    client: "redis.Redis", write_lines: Lines, text: str
) -> None:
    path = write_lines("1.json", *users(MANY, 1))

    def change(count: int) -> None:
        with path.open("a" if text else "w") as file:
            file.write(text)

    with pytest.raises(InputError, match=r"1\.json: changed while it was read"):
        load(client, path, progress=change)
    assert client.keys(f"{LIST_VERSIONS}*") == []


def test_a_user_without_a_list_gets_the_fallback(
    client: "redis.Redis", write_lines: Lines
) -> None:
    loaded = load(client, write_lines("1.json", {"user": 6, "tracks": [1]}))
    offer = ask(client)
    assert (offer.recommender, offer.rank) == ("random", None)
    assert offer.model_version == loaded.version


def test_a_load_that_succeeds_takes_back_an_earlier_refusal(
    client: "redis.Redis", write_lines: Lines
) -> None:
    path = write_lines("1.json", *users(3, 1))
    for _ in range(2):  # loaded first, then found in service
        client.hset(REFUSALS, mapping={"dae": "a reason", "other": "a reason"})
        load(client, path)
        assert client.hgetall(REFUSALS) == {b"other": b"a reason"}


def test_a_loader_that_is_ended_leaves_nothing(client: "redis.Redis", write_lines: Lines) -> None:
    class EnoughError(Exception):
        pass

    def stop(count: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        load(client, write_lines("1.json", *users(MANY, 1)), progress=stop)
    assert client.keys(f"{LIST_VERSIONS}*") == []


def test_a_loader_that_is_killed_leaves_no_key_for_good(
    client: "redis.Redis", valkey_url: str, write_lines: Lines
) -> None:
    good = load(client, write_lines("1.json", *users(9, 1)))
    program = """
        import os, signal, sys
        from pathlib import Path
        from botify.config import ListFile
        from botify.lists.loader import (load_list)
        from botify.lists.reader import ListKind
        from botify.store.client import (connect)

        sent = 0
        def die_halfway(count):
            global sent
            sent += count
            if sent > 3000:
                os.kill(os.getpid(), signal.SIGKILL)

        spec = ListFile(file=Path(sys.argv[2]))
        load_list(connect(sys.argv[1]), "dae", spec, ListKind.USERS, 100, die_halfway)
        """
    path = write_lines("2.json", *users(MANY, 2))
    done = subprocess.run(
        [sys.executable, "-c", dedent(program), valkey_url, path], timeout=60, check=False
    )
    assert done.returncode == -9
    current = f"{LIST_VERSIONS}:dae:{good.version}".encode()
    left = set(client.keys(f"{LIST_VERSIONS}:*")) - {current}
    assert len(left) == 1
    assert all(0 < client.ttl(key) <= 600 for key in left)
    assert client.hget(LIST_VERSIONS, "dae") == good.version.encode()
    assert ask(client).track == 1


def test_a_list_that_redis_lost_in_part_is_not_served(
    client: "redis.Redis", write_lines: Lines
) -> None:
    path = write_lines("1.json", *users(MANY, 1))
    lost = False

    def lose_it_once(count: int) -> None:
        nonlocal lost
        if not lost:
            client.flushall()
            lost = True

    with pytest.raises(StoreError, match="part of the list was lost"):
        load(client, path, progress=lose_it_once)
    assert client.keys(f"{LIST_VERSIONS}*") == []
    assert load(client, path).version == served(client, MANY)


def test_loaders_at_once_end_in_one_whole_version(
    client: "redis.Redis", valkey_url: str, write_lines: Lines
) -> None:
    paths = [write_lines(f"{i}.json", *users(1000, i)) for i in range(2)]
    together = threading.Barrier(4)
    failed: list[BaseException] = []

    def load_in_turn(own: int) -> None:
        try:
            with connect(valkey_url) as connection:
                together.wait()
                for turn in range(8):
                    load(connection, paths[(own + turn) % 2])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=load_in_turn, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ask(client).model_version == served(client, 1000)


def test_a_start_keeps_lists_loaded_since_unless_the_configs_file_changed(
    client: "redis.Redis", write_lines: Lines
) -> None:
    def start() -> LoadedList:
        return load_configured(client, "dae", configured, ListKind.USERS, N_TRACKS)

    configured = ListFile(file=write_lines("config.json", *users(10, 1)))
    first = start()
    newer = ListFile(file=write_lines("newer.json", *users(10, 2)))
    loaded = load_list(client, "dae", newer, ListKind.USERS, N_TRACKS)
    assert start().version == loaded.version
    assert ask(client).model_version == loaded.version
    write_lines("config.json", *users(10, 4))
    assert start().version not in (first.version, loaded.version)
    assert ask(client).track == 4


def test_who_loads_over_a_version_does_not_undo_another_load(
    client: "redis.Redis", write_lines: Lines
) -> None:
    mine = ListFile(file=write_lines("mine.json", *users(10, 1)))
    theirs = ListFile(file=write_lines("theirs.json", *users(10, 2)))
    served = load_list(client, "dae", theirs, ListKind.USERS, N_TRACKS)
    lost = load_list(client, "dae", mine, ListKind.USERS, N_TRACKS, replacing="")
    assert (lost.version, lost.size) == (served.version, 10)
    assert ask(client).model_version == served.version
    assert len(client.keys(f"{LIST_VERSIONS}:*")) == 1
    assert load_list(
        client, "dae", mine, ListKind.USERS, N_TRACKS, replacing=served.version
    ).version not in (served.version, "")


def test_more_than_half_of_the_owners_are_not_lost_unless_that_is_meant(
    client: "redis.Redis", write_lines: Lines
) -> None:
    def load_half(path: Path, min_kept: float = 0.5) -> LoadedList:
        return load_list(
            client, "dae", ListFile(file=path), ListKind.USERS, N_TRACKS, min_kept=min_kept
        )

    first = load_half(write_lines("1.json", *users(MANY, 1)))
    # As many lists, but of other users.
    others = [row | {"user": MANY // 2 + 1 + row["user"]} for row in users(MANY, 2)]  # type: ignore[operator]
    with pytest.raises(InputError, match=r"2\.json: only 2,999 of the 6,000 users in service"):
        load_half(write_lines("2.json", *others))
    assert served(client, MANY) == first.version
    half = load_half(write_lines("3.json", *users(MANY // 2, 2)))
    assert (half.size, half.lost) == (MANY // 2, MANY // 2)
    less = load_half(write_lines("4.json", *users(10, 3)), min_kept=0)
    assert (less.size, less.lost) == (10, MANY // 2 - 10)


def test_neither_are_popular_tracks(client: "redis.Redis", tmp_path: Path) -> None:
    path = tmp_path / "top.json"

    def load_top(n: int) -> LoadedList:
        path.write_text(json.dumps(list(range(n))))
        spec = ListFile(file=path)
        return load_list(client, "top_tracks", spec, ListKind.TOP, N_TRACKS, min_kept=0.5)

    load_top(80)
    with pytest.raises(InputError, match="only 39 of the 80 popular tracks in service are in it"):
        load_top(39)
    load_top(40)


def test_a_file_without_end_is_refused_before_it_is_read(
    client: "redis.Redis", tmp_path: Path
) -> None:
    path = tmp_path / "1.json"
    for content in (b"", b'{"user": 1, "tracks": [1'):
        path.write_bytes(content)
        os.truncate(path, 2**40)
        with pytest.raises(InputError, match=r"1\.json:1: a line of more than"):
            load(client, path)


def test_a_file_in_a_directory_or_a_pipe_s_place_is_refused(
    client: "redis.Redis", tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a directory")):
        with pytest.raises(InputError, match=f"is {said}, not a regular file"):
            load(client, path)
