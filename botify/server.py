"""Workers under granian: a listening socket each, one ready line, a quiet end."""

import errno
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask
from granian import _signals
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # its types say less
from granian.server.mp import MPServer

from botify import stderr_log
from botify.embedded import end_with_parent
from botify.errors import InputError

_BACKLOG = 1024
_GRACE = 10
"""Seconds a stopping worker has for the requests in flight."""
_SETTLED = 0.5
"""Seconds after which a worker surely serves."""
_READY, _FAILED = b".", b"!"

_T = TypeVar("_T")

_log = logging.getLogger("botify.server")


def listen(host: str, port: int, workers: int) -> list[socket.socket]:
    """Listening sockets on one address, one per worker; port 0 picks a free one.

    The kernel spreads connections over them. With one shared socket a single worker tends to
    accept all connections of a client that opens several at once. Raises InputError where the
    port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Alone first: sockets that share a port would also share it with another service.
        with socket.create_server((host, port), family=family) as alone:
            address = alone.getsockname()
        several = sys.platform == "linux"  # elsewhere a shared port does not spread connections
        listeners = [
            socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=several)
            for _ in range(workers if several else 1)
        ]
        for listener in listeners:
            # Connections inherit it. Without, a client's delayed acknowledgement costs 40 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listeners
    except OSError as error:
        advice = (
            "stop what uses the port or choose another with --port"
            if error.errno == errno.EADDRINUSE
            else "check --host and --port"
        )
        reason = str(error.strerror).partition(" (while")[0]  # Python appends the address
        raise InputError(f"cannot listen on {host}:{port} ({reason}); {advice}") from error


def serve(
    listeners: Sequence[socket.socket],
    make_app: Callable[[], tuple[Flask, Callable[[], None]]],
    workers: int,
    threads: int,
    on_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, which let the requests in flight finish.

    `make_app` runs in each worker; the second of what it returns is called there after the last
    request. `on_ready` runs here, in a thread, once all workers take requests. A worker that dies
    is replaced. SystemExit (1) where one cannot start, or workers keep dying; the log says why.
    """
    # The workers are forks: they share the catalog, and take over open sockets.
    multiprocessing.set_start_method("fork", force=True)
    start = _Start(workers, on_ready)
    host, port = listeners[0].getsockname()[:2]
    server = _Server(
        target="botify",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE,
        log_level=LogLevels.warning,
        log_dictconfig=stderr_log.dict_config(),
    )

    def work(number: int, name: Any, load: Any, _: Any, *rest: Any) -> None:
        """A worker's life, on a socket that was open before it: one that replaces a dead one
        goes on with its queue of connections."""
        # Until granian has its own handler, SIGTERM ends the worker at once. The handler it was
        # forked with is the parent's, and would only note the signal.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if server.interrupt_signal:
            return
        _signals.set_main_signals = _end_once
        # Ctrl-C reaches a whole process group; the parent passes a gentler signal on.
        os.setpgid(0, 0)
        end_with_parent()
        mine = SocketHolder(  # type: ignore[call-arg]  # as above
            listeners[(number - 1) % len(listeners)].fileno(), False, _BACKLOG
        )
        app, end = start.watch(make_app)
        MPServer._spawn_wsgi_worker(number, name, lambda: app, ((None, mine), None), *rest)
        end()

    server.serve(spawn_target=work, target_loader=lambda: make_app, wrap_loader=False)
    if start.failed:
        raise SystemExit(1)


class _Server(MPServer):
    """granian's parent process."""

    def signal_handler_reload(self, *_: object) -> None:
        """SIGHUP: the terminal is gone. A reload would not even read the config again."""
        self.signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian's


def _end_once(handler: Callable[[int, Any], None], *_: object) -> None:
    """Set a worker's handler of SIGTERM, in granian's stead.

    granian overlooks a signal that comes before it serves, a moment after this; and a second
    one, as from a supervisor that signals parent and workers, cuts off the requests in flight.
    """
    set_at = time.monotonic()
    stopping = threading.Event()

    def stop(number: int, frame: Any) -> None:
        if stopping.is_set():
            return
        stopping.set()
        # Whatever happens, clients that never finish what they send included.
        last = threading.Timer(_GRACE + 1, os._exit, (1,))
        last.daemon = True
        last.start()
        moment = set_at + _SETTLED - time.monotonic()
        if moment <= 0:
            handler(number, frame)
        else:
            threading.Timer(moment, handler, (number, frame)).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Start:
    """The parent waits in a thread for a word from each of the first workers."""

    def __init__(self, workers: int, on_ready: Callable[[], None]) -> None:
        self._reading, self._writing = os.pipe()
        self._workers = workers
        self._on_ready = on_ready
        self.failed = False
        threading.Thread(target=self._wait, name="start", daemon=True).start()

    def watch(self, make: Callable[[], _T]) -> _T:
        """Runs in the worker: make something, and tell the parent how that went."""
        try:
            made = make()
        except Exception:
            _log.exception("a worker cannot start")
            os.write(self._writing, _FAILED)
            os._exit(1)
        os.write(self._writing, _READY)
        return made

    def _wait(self) -> None:
        for _ in range(self._workers):
            if os.read(self._reading, 1) == _FAILED:
                self.failed = True
                os.kill(os.getpid(), signal.SIGTERM)
                return
        self._on_ready()
