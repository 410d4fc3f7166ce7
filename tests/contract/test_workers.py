"""Workers that die while listeners play."""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from .load import (
    Diary,
    Load,
    all_are,
    ask,
    check_log,
    log_of,
    metric,
    until,
    workers_of,
)
from .valkey_server import Valkey

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc"),
]

Serve = Callable[..., Any]

CLIENTS = 6


def replaced(served: Any, dead: list[int]) -> list[int]:
    """Wait until there are two workers, none of them of the dead; those who are new."""
    before = set(dead)

    def alive() -> list[int]:
        found = workers_of(served.process.pid)
        return found if len(found) == 2 and not before & set(found) else []

    return until(alive)


def kill(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def test_a_killed_worker_is_replaced_and_its_log_goes_on(serve: Serve) -> None:
    served = serve({"workers": 2})
    with Load(served.url, clients=CLIENTS, reconnect=True) as load:
        load.goes_on()
        victim, other = workers_of(served.process.pid)
        file, kept = log_of(victim), log_of(other)
        size = file.stat().st_size
        kill(victim)
        (fresh,) = set(replaced(served, [victim])) - {other}
        assert until(lambda: _log_or_none(fresh)) == file  # its lock was released
        assert log_of(other) == kept
        load.goes_on()
        until(lambda: all_are(served.url, "ready"))
        # Connections are spread by chance; some of these meet the new worker.
        for _ in range(40):
            assert ask(served.url, "/")[0] == 200
        assert metric(served.url, "botify_redis_up") == 1
    assert load.failures == []
    assert len(load.cut) <= CLIENTS  # nobody lost more than the connection to the dead one
    assert served.stop() == 0
    assert sorted(path.name for path in served.log_dir.glob("data.json*")) == [
        "data.json.0",
        "data.json.1",
    ]
    assert file.stat().st_size >= size
    check_log(served.log(), load)


def test_a_worker_that_keeps_dying_is_given_up_and_its_neighbour_goes_on(serve: Serve) -> None:
    served = serve({"workers": 2, "worker_deaths": 3, "redis_timeout": 10})
    diary = Diary(served)
    with Load(served.url, clients=CLIENTS, reconnect=True) as load:
        load.goes_on()
        victim, other = workers_of(served.process.pid)
        for _ in range(3):
            kill(victim)
            until(partial(_gone, served, victim))
            load.goes_on()
            found = until(lambda: _others(served, other) or _bad(served.operations_url))
            victim = found[0]
        _, told = until(lambda: _bad(served.operations_url))
        [reason] = [line for line in told["reasons"] if line.startswith("worker ")]
        assert reason.endswith("was given up: it died 3 times; restart the service")
        assert told["workers"] == {"serving": 1, "configured": 2}
        assert ask(served.url, "/health")[1]["workers"] == told["workers"]
        # Each new connection finds the neighbour, and those that were there are kept.
        for _ in range(40):
            assert ask(served.url, "/")[0] == 200
        load.goes_on()
        assert workers_of(served.process.pid) == [other]
    assert load.failures == []
    assert len(load.cut) <= 3 * CLIENTS
    assert served.stop() == 0
    assert sum("is given up" in line["message"] for line in diary.lines()) == 1
    check_log(served.log(), load)


def test_where_all_workers_keep_dying_the_service_ends_and_says_why(serve: Serve) -> None:
    served = serve({"workers": 2, "worker_deaths": 2})
    diary = Diary(served)
    killed: set[int] = set()

    def ended() -> bool:
        for worker in set(workers_of(served.process.pid)) - killed:
            killed.add(worker)
            kill(worker)
        return served.process.poll() is not None

    until(ended)
    assert served.process.returncode == 1
    assert len(killed) == 4
    last = diary.lines()[-1]
    assert last["level"] == "critical"
    assert last["message"] == "all workers were given up: each died 2 times within 120 s"


def _others(served: Any, other: int) -> list[int]:
    """The workers besides this one, when they serve."""
    found = [worker for worker in workers_of(served.process.pid) if worker != other]
    return found if found and ask(served.operations_url, "/health")[0] == 200 else []


def _gone(served: Any, worker: int) -> bool:
    return worker not in workers_of(served.process.pid)


def _bad(url: str) -> Any:
    """What /health says of a worker that was given up, as soon as it does."""
    status, told = ask(url, "/health")
    return (status, told) if status == 503 and "given up" in str(told) else None


def test_all_workers_killed_at_once_are_replaced(serve: Serve) -> None:
    served = serve({"workers": 2})
    with Load(served.url, clients=CLIENTS, reconnect=True) as load:
        load.goes_on()
        dead = workers_of(served.process.pid)
        for worker in dead:
            kill(worker)
        replaced(served, dead)
        load.goes_on()
    assert load.failures == []
    assert served.stop() == 0
    check_log(served.log(), load)


def test_a_worker_that_starts_while_redis_is_away_serves_all_the_same(serve: Serve) -> None:
    with Valkey() as valkey:
        served = serve({"workers": 2, "redis_timeout": 0.04}, REDIS_URL=valkey.url)
        with Load(served.url, clients=CLIENTS, reconnect=True) as load:
            load.goes_on()
            valkey.pause()
            victim, other = workers_of(served.process.pid)
            kill(victim)
            (fresh,) = set(replaced(served, [victim])) - {other}
            file = until(lambda: _log_or_none(fresh))
            load.goes_on()
            until(lambda: all_are(served.url, "degraded"))
            valkey.resume()
            until(lambda: metric(served.url, "botify_redis_up") == 1)
            load.goes_on()
        assert load.failures == []
        assert served.stop() == 0
    assert file.parent == served.log_dir
    check_log(served.log(), load)


def _log_or_none(worker: int) -> Any:
    try:
        return log_of(worker)
    except (OSError, ValueError):  # it has none open yet
        return None
