"""Workers under granian, each with a listening socket; and how they stop."""

import errno
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from flask import Flask

from botify.errors import InputError
from botify.observability.worker_table import WorkerTable
from botify.server.gateway import Gateway
from botify.server.granian_adapter import Serving
from botify.store.embedded_valkey import end_with_parent

_log = logging.getLogger("botify.server.workers")

_BACKLOG = 1024
_CONNECTIONS = 8192
"""Open at once in a worker, most of them idle. Further ones wait to be accepted."""
_IDLE_MS = 30_000
"""After which a connection is closed that has sent no request, or not all headers of one."""
_STOP_SECONDS = 10
"""Seconds a stopping worker has for the requests in flight."""
_STARTED_AFTER = 0.5
"""Seconds after which a worker certainly serves."""
_CHECKS = 20
"""Checks for late bodies within the time that a body may take."""


class Listeners:
    """Listening sockets on one address, one per worker; port 0 picks a free one.

    The kernel spreads connections over them. With one shared socket a single worker tends to
    accept all connections of a client that opens several at once.
    """

    def __init__(self, host: str, port: int, workers: int) -> None:
        """Raises InputError if the port is taken."""
        self._several = sys.platform == "linux"  # elsewhere a shared port does not spread them
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            # Alone first: sockets that share a port would also share it with another service.
            with socket.create_server((host, port), family=self._family) as alone:
                self._address = alone.getsockname()
            self._sockets = {n: self._make() for n in range(workers if self._several else 1)}
        except OSError as error:
            raise listen_error(host, port, error, "--port", "--host and --port") from error

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._address[:2]
        return host, port

    @property
    def url(self) -> str:
        """Where they listen."""
        return url(*self.address)

    def open(self, number: int) -> None:
        """Make sure that this worker has a socket."""
        if self._several and number not in self._sockets:
            self._sockets[number] = self._make()

    def close(self, number: int) -> None:
        """Close this worker's socket: the kernel gives its connections to the others."""
        if self._several:
            self._sockets.pop(number).close()

    def keep(self, number: int) -> int:
        """In the worker: close the sockets of the others, so that the parent can close them.

        Returns the file descriptor of the worker's own.
        """
        mine = self._sockets[number if self._several else 0]
        for other in self._sockets.values():
            if other is not mine:
                other.close()
        return mine.fileno()

    def _make(self) -> socket.socket:
        made = socket.create_server(
            self._address, family=self._family, backlog=_BACKLOG, reuse_port=self._several
        )
        # Connections inherit it. Without it, a client's delayed acknowledgement costs 40 ms.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def url(host: str, port: int) -> str:
    """http://HOST:PORT, also for IPv6."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen_error(host: str, port: int, error: OSError, choose: str, check: str) -> InputError:
    """The error for a port that is not available; `choose` and `check` name the options."""
    taken = error.errno == errno.EADDRINUSE
    advice = (
        f"stop what uses the port or choose another with {choose}" if taken else f"check {check}"
    )
    reason = str(error.strerror).partition(" (while")[0]  # Python appends the address
    return InputError(f"cannot listen on {host}:{port} ({reason}); {advice}")


def allow_many_connections() -> None:
    """Raise the limit of open files to the highest allowed, also for child processes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" is more than some systems take
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_worker(
    number: int,
    ready: Callable[[], None],
    *,
    listeners: Listeners,
    make_app: Callable[[], tuple[Flask, Callable[[], None]]],
    table: WorkerTable,
    threads: int,
    largest_body: int,
    body_seconds: float,
) -> None:
    """The whole run of a worker process, until SIGTERM; requests in flight are finished.

    `make_app` is called in it, and returns the application and what to call after the last
    request. The socket was open before: the replacement of a dead worker inherits the connections
    that wait for it.
    """
    end_with_parent()
    own_socket = listeners.keep(number)
    app, end = make_app()
    fast_path = getattr(app, "extensions", {}).get("botify.fast_path")
    gateway = Gateway(app, listeners.address, largest_body, body_seconds, fast_path)
    _watch(gateway, table, number, threads, body_seconds / _CHECKS)
    stopped = threading.Event()
    serving = Serving(
        gateway,
        number,
        own_socket,
        stopped.set,
        threads=threads,
        connections=_CONNECTIONS,
        backlog=_BACKLOG,
        idle_ms=_IDLE_MS,
    )
    _handle_sigterm(serving)
    serving.start()
    ready()
    stopped.wait()
    end()


def _watch(gateway: Gateway, table: WorkerTable, number: int, threads: int, every: float) -> None:
    """In a thread: answer late bodies, and record that the worker is alive."""

    def look() -> None:
        while True:
            time.sleep(min(every, 0.5))
            try:
                gateway.end_late_bodies()
            except Exception:  # whatever it is, the next check comes
                _log.exception("the check for late bodies failed")
            table.beat(number, gateway.busy_since(threads))

    threading.Thread(target=look, name="late-bodies", daemon=True).start()


def _handle_sigterm(serving: Serving) -> None:
    """Set a worker's handler of SIGTERM.

    A stop must not come before granian serves, a moment after this. And a second signal, as from
    a process manager that signals parent and workers, must not cut off the requests in flight.
    """
    set_at = time.monotonic()
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            return
        stopping.set()
        # Whatever happens, even if clients never read their responses.
        last = threading.Timer(_STOP_SECONDS + 1, os._exit, (1,))
        last.daemon = True
        last.start()
        moment = set_at + _STARTED_AFTER - time.monotonic()
        if moment <= 0:
            serving.stop()
        else:
            threading.Timer(moment, serving.stop).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
