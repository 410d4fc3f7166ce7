"""A Redis that is full: what a start says, what /health says, and what goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import write_lines
from .load import Diary, Load, ask, check_log, metric, until
from .valkey_server import Valkey

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Botify = Callable[..., Any]


def test_a_start_says_that_redis_is_full_and_asks_for_no_other_url(
    botify: Botify, data_dir: Path
) -> None:
    with Valkey() as valkey, valkey.client() as client:
        client.config_set("maxmemory", 1)
        done = botify("serve", "--data-dir", data_dir, "--port", "0", REDIS_URL=valkey.url)
    assert done.returncode == 2
    assert "does not fit into Redis (" in done.stderr
    assert "used of maxmemory 0.0 MiB, maxmemory-policy noeviction" in done.stderr
    assert "REDIS_URL" not in done.stderr


def test_lists_that_do_not_fit_into_the_private_valkey_are_told_with_the_numbers(
    botify: Botify, data_dir: Path, config_path: Callable[..., Path]
) -> None:
    many = ({"user": u, "tracks": list(range(40))} for u in range(30_000))
    write_lines(data_dir / "lists" / "recommendations.json", many)
    config_path(redis_maxmemory=4 * 2**20)
    done = botify("serve", "--data-dir", data_dir, "--port", "0")
    assert done.returncode == 2
    assert "recommendations.json: does not fit into Redis (" in done.stderr
    assert "used of maxmemory 4.0 MiB, maxmemory-policy volatile-lru" in done.stderr
    assert done.stderr.count("\n") == 1


def test_answers_go_on_while_sessions_are_dropped_and_that_is_told(serve: Serve) -> None:
    with Valkey() as valkey, valkey.client() as client:
        served = serve(REDIS_URL=valkey.url)
        lists = client.hgetall("botify:lists")
        used: Any = client.info("memory")["used_memory"]
        client.config_set("maxmemory-policy", "volatile-lru")
        client.config_set("maxmemory", used + 2**21)
        with Load(served.url, clients=4) as load:
            for number in range(500):
                client.set(f"botify:session:other{number}", bytes(20_000), ex=1000)
            load.goes_on()
            until(lambda: metric(served.url, "botify_redis_evicted_keys_total") > 0)
            status, body = until(lambda: bad(served.url))
            load.goes_on()
        assert load.failures == []
        assert client.hgetall("botify:lists") == lists
        assert served.stop() == 0
    assert status == 503
    (reason,) = body["reasons"]
    assert "keys in the last 5 minutes for lack of memory" in reason
    events = served.log()
    check_log(events, load)
    assert "fallback" not in {event["recommender"] for event in events}


def bad(url: str) -> Any:
    status, body = ask(url, "/health")
    return (status, body) if status != 200 else None


def test_a_policy_that_may_drop_lists_is_told_at_the_start_and_by_health(serve: Serve) -> None:
    with Valkey() as valkey, valkey.client() as client:
        client.config_set("maxmemory", 2**28)
        client.config_set("maxmemory-policy", "allkeys-lru")
        served = serve({"redis_maxmemory": 2**28}, REDIS_URL=valkey.url)
        diary = Diary(served)
        _, body = until(lambda: bad(served.url))
        assert served.stop() == 0
    (reason,) = body["reasons"]
    assert "maxmemory-policy is allkeys-lru; set volatile-lru" in reason
    said = [line["message"] for line in diary.lines()]
    assert reason in said
    assert any("redis_maxmemory" in message for message in said)


def test_a_share_of_fallbacks_above_the_limit_is_told_after_redis_is_back(serve: Serve) -> None:
    with Valkey() as valkey:
        served = serve(REDIS_URL=valkey.url)
        diary = Diary(served)
        with Load(served.url, clients=6) as load:
            load.goes_on(60)
            valkey.kill()
            until(lambda: metric(served.url, "botify_redis_up") == 0)
            load.goes_on()
            valkey.start()
            until(lambda: metric(served.url, "botify_redis_up") == 1)
            load.goes_on()
        assert load.failures == []
        _, body = until(lambda: bad(served.url))
        assert served.stop() == 0
    assert all("came from the fallback" in reason for reason in body["reasons"])
    assert any("DAE_VS_CONTEXTUAL T1's answers" in reason for reason in body["reasons"])
    assert any("came from the fallback" in line["message"] for line in diary.lines())
