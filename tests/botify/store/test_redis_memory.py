"""A real Valkey that runs out of memory: sessions go, lists stay."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.config import ListFile
from botify.errors import InputError
from botify.lists.loader import load_list
from botify.lists.reader import ListKind
from botify.store.candidates import from_catalog, from_list
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey, available_memory
from botify.store.redis_memory import RedisMemory, eviction_risk, full_message, read_redis_memory
from botify.store.sessions import SessionStore

pytestmark = pytest.mark.integration

MIB = 2**20
N_TRACKS = 1000
USERS = 2_000
Lines = Callable[..., Path]


@pytest.fixture
def small() -> Iterator["redis.Redis"]:
    with EmbeddedValkey(4 * MIB) as valkey, connect(valkey.url) as client:
        yield client


def lists(write_lines: Lines, users: int, length: int) -> Path:
    rows = ({"user": u, "tracks": list(range(length))} for u in range(users))
    return write_lines(f"{users}.json", *rows)


def load(client: "redis.Redis", path: Path) -> None:
    load_list(client, "dae", ListFile(file=path), ListKind.USERS, N_TRACKS)


def test_sessions_are_dropped_and_lists_never(small: "redis.Redis", write_lines: Lines) -> None:
    load(small, lists(write_lines, USERS, 50))
    store = SessionStore(small, session_ttl=1000, n_tracks=N_TRACKS)
    plan = (from_list("dae", "dae", "17", "first"), from_catalog("random"))
    for user in range(20_000):
        offer = store.next(user, 999, plan, (0.5, 0.5))
        assert (offer.recommender, offer.track) == ("dae", 0)
    memory = read_redis_memory(small)
    assert memory is not None
    assert memory.policy == "volatile-lru"
    assert memory.evicted > 1000
    (key,) = small.keys("botify:lists:*")
    assert small.hlen(key) == USERS
    # The newest session is there, and goes on.
    assert store.next(19_999, 0, plan, (0.5, 0.5)).track == 1


def test_lists_that_do_not_fit_are_refused_with_the_numbers_and_the_old_ones_stay(
    small: "redis.Redis", write_lines: Lines
) -> None:
    load(small, lists(write_lines, 10, 50))
    with pytest.raises(InputError, match=r"10000\.json: does not fit into Redis \(") as caught:
        load(small, lists(write_lines, 10_000, 200))
    assert "used of maxmemory 4.0 MiB, maxmemory-policy volatile-lru" in str(caught.value)
    assert "redis_maxmemory" in str(caught.value)
    (key,) = small.keys("botify:lists:*")
    assert small.hlen(key) == 10


def test_it_fits_where_only_sessions_are_in_the_way(
    small: "redis.Redis", write_lines: Lines
) -> None:
    store = SessionStore(small, session_ttl=1000, n_tracks=N_TRACKS)
    while (memory := read_redis_memory(small)) is not None and not memory.evicted:
        for user in range(memory.used, memory.used + 500):
            store.next(user, 0, (from_catalog("random"),), (0.5, 0.5))
    load(small, lists(write_lines, USERS, 50))
    (key,) = small.keys("botify:lists:*")
    assert small.hlen(key) == USERS


def test_without_eviction_a_list_that_does_not_fit_is_refused_as_well(
    small: "redis.Redis", write_lines: Lines
) -> None:
    small.config_set("maxmemory-policy", "noeviction")
    with pytest.raises(InputError, match=r"does not fit .* maxmemory-policy noeviction"):
        load(small, lists(write_lines, 10_000, 200))


def test_the_default_is_a_quarter_of_the_memory_there_is() -> None:
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        found: Any = client.config_get("maxmemory")
        assert int(found["maxmemory"]) == valkey.max_memory == available_memory() // 4


def test_a_redis_that_may_not_tell_is_not_an_error(client: "redis.Redis", valkey_url: str) -> None:
    client.execute_command("ACL", "SETUSER", "shy", "on", ">x", "~*", "+@all", "-info")
    url = valkey_url.replace("unix://", "unix://shy:x@")
    try:
        with connect(url) as shy:
            assert read_redis_memory(shy) is None
    finally:
        client.execute_command("ACL", "DELUSER", "shy")


def test_a_policy_that_drops_lists_is_a_risk_where_there_is_a_limit() -> None:
    memory = RedisMemory(used=5 * MIB, limit=8 * MIB, policy="allkeys-lru", evicted=0)
    assert "allkeys-lru; set volatile-lru" in eviction_risk(memory)
    assert (
        eviction_risk(memory._replace(limit=0))
        == eviction_risk(memory._replace(policy="noeviction"))
        == ""
    )
    assert eviction_risk(None) == ""


def test_a_full_redis_is_told_with_its_numbers_and_what_helps() -> None:
    memory = RedisMemory(used=8 * MIB, limit=8 * MIB, policy="noeviction", evicted=0)
    assert full_message(memory) == (
        "Redis is full (8.0 MiB used of maxmemory 8.0 MiB, maxmemory-policy noeviction); give it "
        "more memory (redis_maxmemory, or maxmemory of your own Redis), or the maxmemory-policy "
        "volatile-lru, which drops only silent sessions"
    )
    assert "volatile-lru," not in full_message(memory._replace(policy="volatile-lru"))
    assert full_message(None).startswith("Redis is full; ")
