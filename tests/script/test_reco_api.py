"""`reco_api.py`: trains where there is no model, says so meanwhile, then answers."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "script" / "reco_api.py"


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """Sixty users, thirty items; a user has the id that the file gives it."""
    path = tmp_path / "ratings.csv"
    rows = [
        f"{user + 1000},{item},{1 + (user * 7 + item * 3) % 9 / 2},{10**9 + user * 30 + item}"
        for user in range(60)
        for item in range(30)
        if (user + item * item) % 3
    ]
    path.write_text("\n".join(["userId,movieId,rating,timestamp", *rows]) + "\n")
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*options: object) -> "subprocess.Popen[bytes]":
        command = [sys.executable, SCRIPT, "--out", "out", *options]
        environment = {
            k: v for k, v in os.environ.items() if k not in ("BOTIFY_DATA", "REDIS_URL")
        }
        with (tmp_path / "printed.txt").open("ab") as printed:
            process = subprocess.Popen(
                list(map(str, command)),
                cwd=tmp_path,
                env=environment,
                stdout=printed,
                stderr=printed,
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def asked(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException):
        return 0, None  # between the two servers
    finally:
        connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.integration
def test_it_trains_then_answers_and_then_only_answers(
    start: Callable[..., "subprocess.Popen[bytes]"], ratings: Path, tmp_path: Path
) -> None:
    port = free_port()
    options = ("--data", ratings, "--port", port, "--model", "truncated-svd")
    process = start(*options)
    seen = []
    deadline = time.monotonic() + 120
    while not seen or seen[-1] != (200, "ready"):
        assert process.poll() is None, (tmp_path / "printed.txt").read_text()
        assert time.monotonic() < deadline
        status, answer = asked(port, "/health/ready")
        if answer is not None and (not seen or seen[-1] != (status, answer["status"])):
            seen.append((status, answer["status"]))
            if answer["status"] == "training":
                assert asked(port, "/reco?UsrID=1040")[0] in (0, 503)
        time.sleep(0.02)
    assert seen == [(503, "training"), (200, "ready")]
    first = asked(port, "/reco?UsrID=1040&n_recos=5")
    assert first[0] == 200
    assert "cold" not in first[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    printed = (tmp_path / "printed.txt").read_text()
    assert f"curl http://127.0.0.1:{port}/reco -d UsrID=40 -d n_recos=5 -X GET" in printed
    # Again: nothing is trained, and a user is the same user.
    start(*options)
    while (again := asked(port, "/reco?UsrID=1040&n_recos=5"))[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert again == first
    assert (tmp_path / "printed.txt").read_text().count("1/3 import") == 1


@pytest.mark.integration
def test_a_port_that_is_taken_is_named(
    start: Callable[..., "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", taken.getsockname()[1])
        assert process.wait(timeout=60) == 1
    assert "name a --port" in (tmp_path / "printed.txt").read_text()
