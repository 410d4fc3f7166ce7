"""Lists into a real Valkey: all of a file or nothing of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from botify.errors import InputError
from botify.list_loader import load_list
from botify.lists import ListKind
from botify.plan import from_catalog, from_list
from botify.store import VERSIONS, Offer, Store

pytestmark = pytest.mark.integration

Lines = Callable[..., Path]
N_TRACKS = 100
PLAN = (from_list("dae", "dae", "5", "first"), from_catalog("random"))


def ask(client: "redis.Redis") -> Offer:
    """What user 5 is offered first in a session."""
    store = Store(client, session_ttl=100, n_tracks=N_TRACKS)
    store.last(5)
    return store.next(5, 99, PLAN, (0.5, 0.5))


def users(n: int, first_track: int) -> list[dict[str, object]]:
    return [{"user": user, "tracks": [first_track, user % 50 + 10]} for user in range(n)]


def test_a_new_version_replaces_the_old_one_whole(
    client: "redis.Redis", write_lines: Lines
) -> None:
    first = load_list(
        client, "dae", write_lines("1.json", *users(2500, 1)), ListKind.USERS, N_TRACKS
    )
    assert (first.size, first.replaced) == (2500, None)
    assert (ask(client).track, ask(client).model_version) == (1, first.version)

    second = load_list(
        client, "dae", write_lines("2.json", *users(10, 2)), ListKind.USERS, N_TRACKS
    )
    assert (second.size, second.replaced) == (10, first.version)
    assert (ask(client).track, ask(client).model_version) == (2, second.version)
    lists = client.keys(f"{VERSIONS}:*")
    assert lists == [f"{VERSIONS}:dae:{second.version}".encode()]
    assert client.ttl(lists[0]) == -1


def test_the_same_content_is_not_loaded_again(client: "redis.Redis", write_lines: Lines) -> None:
    path = write_lines("1.json", *users(3, 1))
    first = load_list(client, "dae", path, ListKind.USERS, N_TRACKS)
    again = load_list(client, "dae", path, ListKind.USERS, N_TRACKS)
    assert (again.version, again.replaced, again.size) == (first.version, first.version, 3)


def test_a_refused_file_changes_nothing(client: "redis.Redis", write_lines: Lines) -> None:
    good = load_list(client, "dae", write_lines("1.json", *users(9, 1)), ListKind.USERS, N_TRACKS)
    bad = write_lines("2.json", *users(2500, 2), {"user": 2500, "tracks": [100]})
    with pytest.raises(InputError, match=r"2\.json:2501: .*track 100 is not in the catalog"):
        load_list(client, "dae", bad, ListKind.USERS, N_TRACKS)
    assert (ask(client).track, ask(client).model_version) == (1, good.version)
    assert client.keys(f"{VERSIONS}:*") == [f"{VERSIONS}:dae:{good.version}".encode()]


def test_an_empty_or_missing_file_is_refused(
    client: "redis.Redis", write_lines: Lines, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"e\.json: no list in it"):
        load_list(client, "dae", write_lines("e.json"), ListKind.USERS, N_TRACKS)
    with pytest.raises(InputError, match=r"gone\.json: cannot be read"):
        load_list(client, "dae", tmp_path / "gone.json", ListKind.USERS, N_TRACKS)


def test_a_user_without_a_list_gets_the_fallback(
    client: "redis.Redis", write_lines: Lines
) -> None:
    path = write_lines("1.json", {"user": 5, "tracks": []})
    loaded = load_list(client, "dae", path, ListKind.USERS, N_TRACKS)
    offer = ask(client)
    assert (offer.recommender, offer.rank) == ("random", None)
    assert offer.model_version == loaded.version
