"""Events of visitors through kills: what was acknowledged is in the log, and is known again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .conftest import BOTIFY, Connection, environment, write_lines
from .load import kill_all, until, workers_of
from .valkey_server import Valkey

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers"),
]

ITEMS = [f"sku/{n}" for n in range(30)]


@dataclass
class Served:
    """A running shop."""

    process: "subprocess.Popen[str]"
    url: str


@dataclass
class Visitors:
    """Threads that post events all the time, each over a connection of its own."""

    url: str
    accepted: list[str] = field(default_factory=list)
    unanswered: list[dict[str, Any]] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def __enter__(self) -> "Visitors":
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _post(self, number: int) -> None:
        connection, n = Connection(self.url), 0
        while not self._stop.is_set():
            n += 1
            size = 40 if n % 5 == 0 else 1
            events = [
                {"user": f"u{number}", "item": ITEMS[n % 30], "event": "view", "id": id_}
                for id_ in (f"{number}-{n}-{place}" for place in range(size))
            ]
            try:
                status, answer = connection.request("POST", "/events", json.dumps(events).encode())
            except OSError:
                self.unanswered += events
                return
            except Exception:  # the connection was cut within an answer
                self.unanswered += events
                return
            self.statuses.add(status)
            if status == 200:
                assert answer["accepted"] + answer["repeated"] == size
                self.accepted += [str(event["id"]) for event in events]
        connection.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """serve(REDIS_URL=...): a shop, always on the same log."""
    root = tmp_path / "shop"
    root.mkdir()
    write_lines(root / "items.json", ({"item": item} for item in ITEMS))
    near = [
        {"item": item, "items": [other for other in ITEMS[:9] if other != item]} for item in ITEMS
    ]
    write_lines(root / "neighbours.json", near)
    (root / "popular.json").write_text(json.dumps({"items": ITEMS[:10]}))
    started: list[subprocess.Popen[str]] = []

    def start(**variables: str) -> Served:
        command = [BOTIFY, "serve", "--face", "shop", "--data-dir", root, "--port", "0"]
        command += ["--operations-port", "0", "--log-dir", tmp_path / "log", "--workers", "2"]
        process = subprocess.Popen(
            [*map(str, command), "--redis-timeout", "10"],
            cwd=tmp_path,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        return Served(process, found[0])

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


def logged(tmp_path: Path) -> list[str]:
    """Ids of the events in the log."""
    lines = [
        line
        for path in (tmp_path / "log").glob("data.json*")
        for line in path.read_text().splitlines()
    ]
    whole = [line for line in lines if line.endswith("}")]  # a kill may cut one
    return [row["id"] for row in map(json.loads, whole) if row["message"] == "event"]


def last(client: Connection, user: str) -> Any:
    return client.request("GET", f"/events/{user}?k=100")[1]["events"]


def test_what_was_acknowledged_is_in_the_log_and_known_again(
    serve: Callable[..., Served], connect: Callable[[str], Connection], tmp_path: Path
) -> None:
    served = serve()
    with Visitors(served.url) as visitors:
        until(lambda: len(visitors.accepted) > 300)
        kill_all(served)
    assert visitors.statuses == {200}
    before = logged(tmp_path)
    assert set(visitors.accepted) <= set(before)
    assert len(before) == len(set(before))
    client = connect(serve().url)
    until(lambda: all(len(last(client, f"u{n}")) == 50 for n in range(4)))
    again = [{"user": "u0", "item": ITEMS[0], "event": "view", "id": visitors.accepted[-1]}]
    assert client.request("POST", "/events", json.dumps(again).encode())[0] in (200, 409)
    if visitors.unanswered:
        body = json.dumps(visitors.unanswered).encode()
        status, answer = client.request("POST", "/events", body)
        assert (status, answer["accepted"] + answer["repeated"]) == (200, len(visitors.unanswered))
    wanted = {*visitors.accepted, *(event["id"] for event in visitors.unanswered)}
    assert wanted <= set(logged(tmp_path))


def test_a_worker_that_is_killed_costs_no_acknowledged_event(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    served = serve()
    with Visitors(served.url) as visitors:
        until(lambda: len(visitors.accepted) > 100)
        victim = workers_of(served.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: len({*workers_of(served.process.pid)} - {victim}) == 2)
    assert set(visitors.accepted) <= set(logged(tmp_path))


def test_redis_is_killed_and_comes_back_empty(
    serve: Callable[..., Served], connect: Callable[[str], Connection], tmp_path: Path
) -> None:
    with Valkey() as valkey:
        served = serve(REDIS_URL=valkey.url)
        client = connect(served.url)
        change = json.dumps({"item": ITEMS[1], "available": False}).encode()
        assert client.request("POST", "/items", change) == (200, {"accepted": 1, "applied": True})
        with Visitors(served.url) as visitors:
            until(lambda: len(visitors.accepted) > 100)
            time.sleep(2.5)  # workers keep in memory what was sold out a second before
            valkey.kill()
            known = len(visitors.accepted)
            until(lambda: len(visitors.accepted) > known + 100)
            asked = [
                client.request("GET", f"/recommendations?user_id=u{n % 4}") for n in range(20)
            ]
            assert {status for status, _ in asked} == {200}
            assert all(ITEMS[1] not in answer["recs"] for _, answer in asked)
            valkey.start()
            until(lambda: "partial" not in client.request("GET", "/events/u0")[1])
            known = len(visitors.accepted)
            until(lambda: len(visitors.accepted) > known + 100)
        assert visitors.statuses == {200}
        assert not visitors.unanswered
        found = logged(tmp_path)
        assert (len(found), set(found)) == (len(visitors.accepted), set(visitors.accepted))
        until(lambda: all(len(last(client, f"u{n}")) == 50 for n in range(4)))
        until(
            lambda: (
                ITEMS[1] not in client.request("GET", "/similar/sku%2F0")[1].get("items", ITEMS)
            )
        )
        assert client.request("GET", "/items/sku/1")[1]["available"] is False
