"""A real MariaDB on a port of its own, for tests; `installed` says whether Debian's is here."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pymysql

USER, PASSWORD = "botify", "secret-of-a-test"
_LIMIT = 60.0
# Programs of a system are not always on the PATH of a user.
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
# Root must not run it; the package makes this user.
_UNPRIVILEGED = "mysql"
_SETTINGS = (
    *("--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"),
    *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"),
    *("--performance-schema=OFF", "--max-allowed-packet=64M"),
)


def installed() -> bool:
    """Whether its programs are on this machine: the package mariadb-server."""
    return all(shutil.which(name, path=_PATH) for name in ("mariadbd", "mariadb-install-db"))


class MariaDB:
    """A server with a data folder of its own, both gone at the end.

    Examples
    --------
    >>> with MariaDB() as server, server.database() as url:
    ...     url.split("@")[0]
    'mariadb://botify:secret-of-a-test'
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._home = Path(tempfile.mkdtemp(prefix="mariadb-"))
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def __enter__(self) -> "MariaDB":
        try:
            self._make()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGKILL)
            self._server.wait(_LIMIT)
        shutil.rmtree(self._home)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, which is dropped at the end."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield f"mariadb://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}"
        finally:
            self._execute(f"DROP DATABASE {name}")

    def _execute(self, statement: str) -> None:
        with self._connect() as client, client.cursor() as cursor:
            cursor.execute(statement)

    def _connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, connect_timeout=2
        )

    def _make(self) -> None:
        first = self._home / "first.sql"
        first.write_text(
            f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"
        )
        if self._user is not None:
            for path in (self._home, first):
                shutil.chown(path, self._user)
        done = subprocess.run(
            [
                str(shutil.which("mariadb-install-db", path=_PATH)),
                "--no-defaults",
                f"--datadir={self._home / 'data'}",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ],
            capture_output=True,
            text=True,
            user=self._user,
            cwd=self._home,
        )
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def _start(self) -> None:
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    str(shutil.which("mariadbd", path=_PATH)),
                    "--no-defaults",
                    f"--datadir={self._home / 'data'}",
                    f"--port={self.port}",
                    f"--socket={self._home / 'socket'}",
                    f"--pid-file={self._home / 'pid'}",
                    f"--init-file={self._home / 'first.sql'}",
                    *_SETTINGS,
                ],
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
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.OperationalError:
            return False
        return True
