"""All that uses granian, the HTTP server, and most of which is private to it.

Its public API forks workers of its own, and its WSGI hands a request over as soon as the headers
have come, so that each client that sends a body slowly holds a thread. Used here instead are the
worker object behind that API, with a listening socket of ours, and the scheduler that granian
calls with each request. Hence the version is pinned (granian>=2.8,<2.9);
tests/botify/server/test_granian_adapter.py fails if another version differs.
"""

from collections.abc import Callable
from typing import Any

from granian._granian import CallbackScheduler, RSGIWorker, SocketHolder, WorkerSignal
from granian.http import HTTP1Settings

_IO_THREADS = 1
_FILE_THREADS = 512  # no files are served
_THREAD_IDLE_SECONDS = 30


class ImmediateLoop:
    """In place of an event loop, which would cost CPU and give nothing: runs callbacks at once."""

    def call_soon(
        self, callback: Callable[..., object], *arguments: object, context: object = None
    ) -> None:
        """On the calling thread, one of granian's."""
        callback(*arguments)

    call_soon_threadsafe = call_soon


class RequestScheduler(CallbackScheduler):
    """granian calls `on_request` for each request when its headers have come, on its threads.

    `watcher.scope` has the request's method, path and headers; `watcher.proto` reads the body and
    sends the response; see https://github.com/emmett-framework/granian/blob/v2.8.0/docs/spec/RSGI.md.
    """

    def __new__(cls, *_: object, **__: object) -> "RequestScheduler":
        """granian wants a loop, and parts of the tasks that its own schedulers make."""
        made: RequestScheduler = super().__new__(cls, ImmediateLoop(), None, None, None, None)  # type: ignore[call-arg]  # its types say less
        return made

    def __init__(self, on_request: Callable[[Any], None]) -> None:
        """`on_request(watcher)`."""
        super().__init__()
        self._schedule_fn = on_request


class Serving:
    """Requests from one listening socket to a scheduler, from `start` until `stop`."""

    def __init__(
        self,
        scheduler: RequestScheduler,
        number: int,
        socket: int,
        on_stopped: Callable[[], None],
        *,
        threads: int,
        connections: int,
        backlog: int,
        idle_ms: int,
    ) -> None:
        """`socket`: descriptor of a socket that listens with this `backlog`; granian closes it.

        `number`: of the worker, from 0. `threads`: requests that are handled at once.
        `connections`: open at once; further ones wait to be accepted. `idle_ms`: a connection is
        closed that has sent no request, or not all its headers, for that long. `on_stopped` is
        called after `stop`, when all requests are answered.
        """
        self._signal = WorkerSignal()
        self._signal.add_cb(on_stopped)
        listening = SocketHolder(socket, False, backlog)  # type: ignore[call-arg]  # its types say less
        worker: Any = RSGIWorker
        self._scheduler = scheduler
        self._worker = worker(
            number + 1,
            (None, listening),
            None,  # no metrics
            _IO_THREADS,
            _FILE_THREADS,
            threads,
            _THREAD_IDLE_SECONDS,
            connections,
            "1",  # HTTP/1.1
            HTTP1Settings(header_read_timeout=idle_ms),
            None,  # HTTP/2
            False,  # websockets
            None,  # static files
            *(False, None, None, None, "tls1.3", None, [], False),  # no TLS
            (None, None),
        )

    def start(self) -> None:
        """Begin, in threads of granian's."""
        self._worker.serve_mtr(self._scheduler, ImmediateLoop(), self._signal)

    def stop(self) -> None:
        """Accept no further request; may be called in a signal handler.

        granian ignores a stop in the first moment after `start`.
        """
        self._signal.set()
