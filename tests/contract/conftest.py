"""The real service as a process of its own, and a client that keeps its connection."""

import http.client
import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

BOTIFY = Path(sysconfig.get_path("scripts")) / "botify"
N_TRACKS = 40
CONFIG = Path(__file__).parents[2] / "config" / "botify.yml"


class Connection:
    """One kept-alive HTTP connection; bodies go out as given, with no Content-Type."""

    def __init__(self, url: str) -> None:
        self._http = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """Status and parsed JSON body."""
        self._http.request(method, path, body)
        response = self._http.getresponse()
        assert response.headers["Content-Type"] == "application/json"
        return response.status, json.loads(response.read())

    def play(self, route: str, user: int, track: int, time: float) -> tuple[int, Any]:
        """POST /next or /last."""
        body = json.dumps({"track": track, "time": time}).encode()
        return self.request("POST", f"/{route}/{user}", body)

    def close(self) -> None:
        self._http.close()


@dataclass
class Served:
    """A running `botify serve`."""

    process: "subprocess.Popen[str]"
    url: str
    ready_line: str
    operations_url: str
    """Where the parent process answers; empty where it does not."""
    data_dir: Path
    log_dir: Path

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        self.process.send_signal(by)
        return self.process.wait(timeout=30)

    def log(self) -> list[dict[str, Any]]:
        """All events of all workers, in time order."""
        lines = [
            json.loads(line)
            for path in self.log_dir.glob("data.json*")
            for line in path.read_text().splitlines()
        ]
        return sorted(lines, key=lambda line: line["timestamp"])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Forty tracks of four artists; lists for users 0 to 19; neighbours for all but track 39."""
    root = tmp_path / "data"
    (root / "world").mkdir(parents=True)
    (root / "lists").mkdir()
    tracks = range(N_TRACKS)
    write_lines(
        root / "world" / "tracks.json",
        ({"track": t, "artist": f"artist {t % 4}", "title": f"title {t}"} for t in tracks),
    )
    write_lines(
        root / "lists" / "recommendations.json",
        ({"user": u, "tracks": [(u + 3 * i) % N_TRACKS for i in range(10)]} for u in range(20)),
    )
    write_lines(
        root / "lists" / "neighbours.json",
        ({"track": t, "recommendations": [(t + 1) % 40, (t + 2) % 40]} for t in range(39)),
    )
    top = json.dumps(list(reversed(tracks)))
    (root / "lists" / "top_tracks.json").write_text(top)
    return root


def write_lines(path: Path, rows: Any) -> None:
    """A JSON Lines file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture
def config_path(tmp_path: Path) -> Callable[..., Path]:
    """config_path(**changes): the shipped config with some keys replaced.

    Lists may be of any length, and Redis may take its time: a busy machine is no fault.
    """

    def write(**changes: Any) -> Path:
        path = tmp_path / "config" / "botify.yml"
        path.parent.mkdir(exist_ok=True)
        values = yaml.safe_load(CONFIG.read_text())
        values |= {"lists": {"dae": "lists/recommendations.json"}, "redis_timeout": 10}
        path.write_text(yaml.safe_dump(values | changes, sort_keys=False))
        return path

    return write


@pytest.fixture
def connect() -> Iterator[Callable[[str], Connection]]:
    """connect(url): a Connection, closed after the test."""
    made: list[Connection] = []

    def open_one(url: str) -> Connection:
        made.append(Connection(url))
        return made[-1]

    yield open_one
    for connection in made:
        connection.close()


def environment(**changes: str) -> dict[str, str]:
    """This environment, free of settings that would reach the service."""
    return {key: v for key, v in os.environ.items() if key != "REDIS_URL"} | changes


@pytest.fixture
def botify(
    tmp_path: Path, config_path: Callable[..., Path]
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """botify("lists", "load", ..., REDIS_URL=...): run a command to its end, in `tmp_path`."""
    config_path()

    def run(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BOTIFY, *map(str, arguments)],
            cwd=tmp_path,
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def serve(
    data_dir: Path, tmp_path: Path, config_path: Callable[..., Path]
) -> Iterator[Callable[..., Served]]:
    """serve(changes={...}, REDIS_URL=...): start the service on `data_dir`, wait until ready."""
    started: list[subprocess.Popen[str]] = []

    def start(changes: dict[str, Any] | None = None, **variables: str) -> Served:
        log_dir = tmp_path / f"log{len(started)}"
        config = config_path(**(changes or {}))
        command: list[str | Path] = [BOTIFY, "serve", "--config", config, "--port", "0"]
        command += ["--data-dir", data_dir, "--log-dir", log_dir]
        process = subprocess.Popen(
            command,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        ready_line = process.stdout.readline().strip()
        assert ready_line, process.communicate()[1]
        operations = ""
        if (changes or {}).get("operations", True):
            operations = process.stdout.readline().split()[-1]
        url = ready_line.split()[-1]
        return Served(process, url, ready_line, operations, data_dir, log_dir)

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
