"""Health and metrics from the parent process, whatever its workers do."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import BOTIFY, environment
from .load import ask, metric, until, workers_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc"),
]

Serve = Callable[..., Any]
Connect = Callable[[str], Any]


def test_it_tells_of_all_workers_what_each_of_them_tells(serve: Serve, connect: Connect) -> None:
    served = serve()
    assert served.operations_url.startswith("http://127.0.0.1:")
    for _ in range(8):  # connections of their own, so that both workers get some
        assert connect(served.url).play("next", 7, 1, 1)[0] == 200
    url = served.operations_url
    assert ask(url, "/health") == (
        200,
        {"status": "ok", "workers": {"serving": 2, "configured": 2}},
    )
    assert ask(url, "/health/live") == (200, {"status": "alive"})
    assert ask(url, "/health/ready") == (200, {"status": "ready", "reasons": []})
    assert ask(url, "/experiments") == ask(served.url, "/experiments")
    assert metric(url, "botify_request_seconds_count") == 8
    until(lambda: metric(url, "botify_log_events_total") == 8)
    assert metric(url, "botify_workers_serving") == 2
    # Workers share some of it once a second.
    until(lambda: len({names_of(ask(of, "/metrics")[1]) for of in (url, served.url)}) == 1)


def names_of(metrics: str) -> frozenset[str]:
    return frozenset(re.findall(r"^(botify_\w+)", metrics, re.MULTILINE))


def test_it_says_what_a_worker_suffers(serve: Serve) -> None:
    served = serve({"log": {"min_free_bytes": 10**18}})
    expected = "less than log.min_free_bytes"
    status, told = until(lambda: _bad(served.operations_url))
    assert (status, told["status"]) == (503, "bad")
    assert [expected in reason for reason in told["reasons"]] == [True]
    assert metric(served.operations_url, "botify_log_low_space") == 1


def _bad(url: str) -> Any:
    status, told = ask(url, "/health")
    return (status, told) if status == 503 else None


def test_it_answers_while_workers_hang_and_says_so(serve: Serve) -> None:
    served = serve({"workers": 2})
    url = served.operations_url
    one, other = workers_of(served.process.pid)
    os.kill(one, signal.SIGSTOP)
    try:
        _, told = until(lambda: _bad(url))
        assert "does not answer: no heartbeat for" in told["reasons"][0]
        assert told["workers"] == {"serving": 1, "configured": 2}
        assert ask(url, "/health/ready")[0] == 200
        os.kill(other, signal.SIGSTOP)
        until(lambda: ask(url, "/health/ready")[0] == 503)
        assert ask(url, "/health/live") == (200, {"status": "alive"})
        assert ask(url, "/metrics")[0] == 200
        assert metric(url, "botify_workers_serving") == 0
    finally:
        for worker in (one, other):
            os.kill(worker, signal.SIGCONT)
    until(lambda: ask(url, "/health")[0] == 200)


def test_what_is_not_there_is_said_in_json(serve: Serve) -> None:
    url = serve().operations_url
    status, told = ask(url, "/next/7")
    assert status == 404
    assert "GET /health/live" in told["message"]


def test_slow_senders_do_not_stop_it(serve: Serve) -> None:
    url = serve().operations_url
    host, port = url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"GET /health/live HTT")
    assert ask(url, "/health/live")[0] == 200
    began = time.monotonic()
    assert slow[0].recv(99) == b""  # it was given up
    assert time.monotonic() - began < 20
    for connection in slow:
        connection.close()


def start(data_dir: Path, tmp_path: Path, config: Path, *options: object) -> Any:
    """A service that is started by hand; it is told to stop by whoever called."""
    where = ["--config", config, "--data-dir", data_dir, "--log-dir", tmp_path / "log-by-hand"]
    return subprocess.Popen(
        [BOTIFY, "serve", *map(str, [*where, *options])],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def free_port(below: int) -> int:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as alone:
            port: int = alone.getsockname()[1]
        if port < below:
            return port


def test_it_is_found_by_the_services_port_and_taken_only_once(
    data_dir: Path, tmp_path: Path, config_path: Callable[..., Path]
) -> None:
    port = free_port(55_000)
    process = start(data_dir, tmp_path, config_path(workers=1), "--port", port)
    try:
        said = [process.stdout.readline().split()[-1] for _ in range(2)]
        expected = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 10_000}"]
        assert said == expected
        assert ask(expected[1], "/health/live")[0] == 200
        options = ("--port", "0", "--operations-port", port + 10_000)
        second = start(data_dir, tmp_path, config_path(workers=1), *options)
        _, error = second.communicate(timeout=30)
        assert second.returncode == 2
        assert error.count("\n") == 1
        assert f"cannot listen on 127.0.0.1:{port + 10_000}" in error
        assert "--operations-port" in error
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_it_can_be_left_out(serve: Serve) -> None:
    served = serve({"operations": False, "operations_port": 1})
    assert ask(served.url, "/health") == (200, {"status": "ok"})
