"""Workers under granian: a listening socket each, one ready line, a quiet end."""

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
from typing import Any

from flask import Flask
from granian._granian import RSGIWorker, SocketHolder, WorkerSignal
from granian.http import HTTP1Settings

from botify.errors import InputError
from botify.observability.worker_table import Roster
from botify.server.gateway import Gateway, Loop
from botify.store.embedded_valkey import end_with_parent

_log = logging.getLogger("botify.server.workers")

_BACKLOG = 1024
_CONNECTIONS = 8192
"""At once, of a worker: most of them idle. Those above wait to be accepted."""
_IDLE_MS = 30_000
"""After which a connection is closed that has sent no request, or not all headers of one."""
_GRACE = 10
"""Seconds a stopping worker has for the requests in flight."""
_SETTLED = 0.5
"""Seconds after which a worker surely serves."""
_LOOKS = 20
"""How often late bodies are looked for in the time that a body has."""


class Listeners:
    """Listening sockets on one address, one per worker; port 0 picks a free one.

    The kernel spreads connections over them. With one shared socket a single worker tends to
    accept all connections of a client that opens several at once.
    """

    def __init__(self, host: str, port: int, workers: int) -> None:
        """Raises InputError where the port is taken."""
        self._several = sys.platform == "linux"  # elsewhere a shared port does not spread them
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            # Alone first: sockets that share a port would also share it with another service.
            with socket.create_server((host, port), family=self._family) as alone:
                self._address = alone.getsockname()
            self._sockets = {n: self._make() for n in range(workers if self._several else 1)}
        except OSError as error:
            raise cannot_listen(host, port, error, "--port", "--host and --port") from error

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
        """Have a socket for this worker."""
        if self._several and number not in self._sockets:
            self._sockets[number] = self._make()

    def close(self, number: int) -> None:
        """Have none: the kernel gives its connections to the others."""
        if self._several:
            self._sockets.pop(number).close()

    def keep(self, number: int) -> int:
        """In the worker: close the others', so that they are closed where the parent closes them.

        Returns the file descriptor of its own.
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
        # Connections inherit it. Without, a client's delayed acknowledgement costs 40 ms.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def url(host: str, port: int) -> str:
    """http://HOST:PORT, also for IPv6."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cannot_listen(host: str, port: int, error: OSError, choose: str, check: str) -> InputError:
    """What to say of a port that cannot be had: the options to choose another, or to check."""
    taken = error.errno == errno.EADDRINUSE
    advice = (
        f"stop what uses the port or choose another with {choose}" if taken else f"check {check}"
    )
    reason = str(error.strerror).partition(" (while")[0]  # Python appends the address
    return InputError(f"cannot listen on {host}:{port} ({reason}); {advice}")


def allow_many_connections() -> None:
    """Let this process, and those it starts, have as many open files as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "unlimited" is more than some systems take
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def work(
    number: int,
    ready: Callable[[], None],
    *,
    listeners: Listeners,
    make_app: Callable[[], tuple[Flask, Callable[[], None]]],
    roster: Roster,
    threads: int,
    largest_body: int,
    body_seconds: float,
) -> None:
    """A worker's life, until SIGTERM, which lets the requests in flight finish.

    `make_app` runs in it; the second of what it returns is called after the last request. It
    listens on a socket that was open before: one that replaces a dead one goes on with its queue.
    """
    end_with_parent()
    mine = SocketHolder(listeners.keep(number), False, _BACKLOG)  # type: ignore[call-arg]  # its types say less
    app, end = make_app()
    gateway = Gateway(app, listeners.address, largest_body, body_seconds)
    over = threading.Event()
    _watch(gateway, roster, number, threads, body_seconds / _LOOKS)
    stop = WorkerSignal()
    stop.add_cb(over.set)
    _end_once(stop)
    worker: Any = RSGIWorker
    worker(
        number + 1,
        (None, mine),
        None,  # no metrics
        1,  # threads that move bytes
        512,  # threads for files, which are not served
        threads,
        30,  # seconds until a thread that has nothing to do ends
        _CONNECTIONS,
        "1",
        HTTP1Settings(header_read_timeout=_IDLE_MS),
        None,
        False,
        None,
        *(False, None, None, None, "tls1.3", None, [], False),
        (None, None),
    ).serve_mtr(gateway, Loop(), stop)
    ready()
    over.wait()
    end()


def _watch(gateway: Gateway, roster: Roster, number: int, threads: int, every: float) -> None:
    """In a thread: see to late bodies, and give signs of life."""

    def look() -> None:
        while True:
            time.sleep(min(every, 0.5))
            try:
                gateway.end_late_bodies()
            except Exception:  # whatever it is, there is a next time
                _log.exception("late bodies were not given up")
            roster.beat(number, gateway.busy_since(threads))

    threading.Thread(target=look, name="late-bodies", daemon=True).start()


def _end_once(signal_to_end: WorkerSignal) -> None:
    """Set a worker's handler of SIGTERM.

    granian overlooks a word that comes before it serves, a moment after this; and a second
    signal, as from a supervisor that signals parent and workers, must not cut off the requests
    in flight.
    """
    set_at = time.monotonic()
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            return
        stopping.set()
        # Whatever happens, clients that never read what they are sent included.
        last = threading.Timer(_GRACE + 1, os._exit, (1,))
        last.daemon = True
        last.start()
        moment = set_at + _SETTLED - time.monotonic()
        if moment <= 0:
            signal_to_end.set()
        else:
            threading.Timer(moment, signal_to_end.set).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
