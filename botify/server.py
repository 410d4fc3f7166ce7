"""Workers under gunicorn: a listening socket each, one ready line, a quiet end."""

import errno
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # ships no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]  # ships no types

from botify.errors import InputError

_BACKLOG = 1024
_KEEPALIVE = 75
"""Seconds an idle connection stays open."""
_GRACE = 10
"""Seconds a stopping worker has for the requests in flight."""


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
        if sys.platform != "linux":  # elsewhere a shared port does not spread connections
            return [socket.create_server(address, family=family, backlog=_BACKLOG)]
        return [
            socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=True)
            for _ in range(workers)
        ]
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
    make_app: Callable[[int], Flask],
    workers: int,
    threads: int,
    on_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT, which let the requests in flight finish; never returns.

    `make_app` runs in each worker, with the worker's number from 0; `on_ready` runs here once
    all workers take requests. Ends with SystemExit, 0 after a signal.
    """
    # gunicorn closes the descriptors it is given and goes on with duplicates.
    descriptors = [listener.detach() for listener in listeners]
    _Server(descriptors, make_app, workers, threads, on_ready).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's settings, and the hooks that number workers and count the ready ones."""

    def __init__(
        self,
        listeners: Sequence[int],
        make_app: Callable[[int], Flask],
        workers: int,
        threads: int,
        on_ready: Callable[[], None],
    ) -> None:
        self._settings = {
            "bind": [f"fd://{listener}" for listener in listeners],
            "workers": workers,
            "worker_class": "gthread",
            "threads": threads,
            "keepalive": _KEEPALIVE,
            "graceful_timeout": _GRACE,
            "loglevel": "warning",
            "control_socket_disable": True,
            "pre_fork": self._number_worker,
            "post_fork": self._enter_worker,
            "post_worker_init": self._report_ready,
        }
        self._make_app = make_app
        self._number = 0
        self.on_ready = on_ready
        self.ready_pipe = os.pipe()
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Runs in the worker."""
        return self._make_app(self._number)

    def run(self) -> None:
        parent = os.getpid()
        try:
            _Arbiter(self).run()
        except SystemExit as stop:
            if os.getpid() != parent:
                # A worker is a fork and would go on to unwind, and clean up, the parent's stack.
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(stop.code if isinstance(stop.code, int) else 1)
            raise

    def _number_worker(self, arbiter: Any, worker: Any) -> None:
        # A worker that replaces a dead one takes over its number: its socket, its log file.
        taken = {sibling.number for sibling in arbiter.WORKERS.values()}
        worker.number = next(n for n in range(len(taken) + 1) if n not in taken)

    def _enter_worker(self, arbiter: Any, worker: Any) -> None:
        self._number = worker.number
        worker.sockets = [worker.sockets[worker.number % len(worker.sockets)]]

    def _report_ready(self, worker: Any) -> None:
        # Ctrl-C reaches the whole process group; the parent passes a gentler signal on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(self.ready_pipe[1], b".")


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """The parent: tells when all workers are ready, and treats Ctrl-C like SIGTERM."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._awaited = server.cfg.workers
        super().__init__(server)

    def handle_int(self) -> None:
        self.handle_term()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        if self._awaited:
            self._count_ready()
        signals: list[int] = super().wait_for_signals(0.02 if self._awaited else timeout)
        return signals

    def _count_ready(self) -> None:
        reading = self._server.ready_pipe[0]
        while self._awaited and select.select([reading], [], [], 0)[0]:
            os.read(reading, 1)
            self._awaited -= 1
            if not self._awaited:
                self._server.on_ready()
