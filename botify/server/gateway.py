"""Requests from granian to the WSGI application, each once its body is there.

granian's RSGI collects bodies while no thread waits for them, and reports those that were cut
short.
"""

import logging
import sys
from asyncio import CancelledError
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from threading import get_ident
from time import monotonic
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, RequestTimeout

from botify.server.granian_adapter import RequestScheduler

_INTERNAL_ERROR = b'{"message":"internal error; see the service\'s stderr"}'
_JSON = ("Content-Type", "application/json")

_log = logging.getLogger("botify.server.gateway")

Environ = dict[str, Any]
FastPath = Callable[[str, str, Any, bytes], bytes | None]
"""Method, path, headers and body -> the JSON of a 200; None: the application must answer."""
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
"""See https://peps.python.org/pep-3333/."""


class Gateway(RequestScheduler):
    """Calls a WSGI application, on granian's threads; one for each worker, made in it.

    If a body is late (408), too large (413) or cut short (400), the application gets a stream
    that raises werkzeug's exception when it is read; then the connection is closed.
    """

    def __init__(
        self,
        app: Application,
        address: tuple[str, int],
        largest: int,
        seconds: float,
        fast_path: FastPath | None = None,
    ) -> None:
        """`app` serves at this address. Bodies may have `largest` bytes, and take `seconds`.

        `fast_path` is asked first about requests whose body came whole.
        """
        super().__init__(self._begin)
        self._app = app
        self._largest = largest
        self._seconds = seconds
        self._fast_path = fast_path
        self._environ: Environ = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": address[0],
            "SERVER_PORT": str(address[1]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.errors": sys.stderr,
            "wsgi.input_terminated": True,
            "wsgi.multiprocess": True,
            "wsgi.multithread": True,
            "wsgi.run_once": False,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
        }
        self._names = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
        self._awaited: dict[
            Any, float
        ] = {}  # bodies or chunks that have not come, and their deadlines
        self._unread: list[Any] = []  # responses to requests whose bodies were not read to the end
        self._busy: dict[int, float] = {}  # threads in the application, and since when

    def end_late_bodies(self) -> None:
        """Answer requests whose bodies have not come in time; to be called regularly."""
        self._unread.clear()
        now = monotonic()
        for body, until in list(self._awaited.items()):
            if until < now:
                body.cancel()

    def busy_since(self, threads: int) -> float | None:
        """Since when (monotonic seconds) this many threads have been busy; None if fewer are."""
        since = list(self._busy.values())
        return max(since) if len(since) >= threads else None

    def _begin(self, watcher: Any) -> None:
        scope, proto = watcher.scope, watcher.proto
        length = scope.headers.get("content-length")
        if length is not None:
            if int(length) > self._largest:
                self._answer(scope, proto, self._too_large())
                return
            body = proto()
            self._awaited[body] = monotonic() + self._seconds
            body.add_done_callback(partial(self._end, scope, proto))
        elif "transfer-encoding" in scope.headers:
            proto.__aiter__()
            self._next_chunk(scope, proto, bytearray(), monotonic() + self._seconds)
        else:
            self._answer(scope, proto, BytesIO())

    def _end(self, scope: Any, proto: Any, body: Any) -> None:
        del self._awaited[body]
        try:
            stream: Any = BytesIO(body.result())
        except CancelledError:
            stream = self._late()
        except RuntimeError:  # granian's RSGIProtocolClosed
            stream = _UnreadableBody(BadRequest, "the body is shorter than its Content-Length")
        self._answer(scope, proto, stream)

    def _next_chunk(self, scope: Any, proto: Any, body: bytearray, until: float) -> None:
        chunk = proto.__anext__()
        self._awaited[chunk] = until
        chunk.add_done_callback(partial(self._end_chunk, scope, proto, body, until))

    def _end_chunk(
        self, scope: Any, proto: Any, body: bytearray, until: float, chunk: Any
    ) -> None:
        del self._awaited[chunk]
        try:
            data = chunk.result()
        except CancelledError:
            self._answer(scope, proto, self._late(unread=True))
            return
        body += data
        if len(body) > self._largest:
            self._answer(scope, proto, self._too_large())
        elif data:
            self._next_chunk(scope, proto, body, until)
        elif _is_last_chunk(proto):
            self._answer(scope, proto, BytesIO(body))
        else:
            wrong = "the chunked body was cut short, is malformed, or has trailers"
            self._answer(scope, proto, _UnreadableBody(BadRequest, wrong))

    def _late(self, unread: bool = False) -> "_UnreadableBody":
        return _UnreadableBody(
            RequestTimeout, f"the body did not arrive within {self._seconds:g} s", unread
        )

    def _too_large(self) -> "_UnreadableBody":
        wrong = f"the body is larger than {self._largest:,} bytes"
        return _UnreadableBody(RequestEntityTooLarge, wrong, unread=True)

    def _answer(self, scope: Any, proto: Any, body: Any) -> None:
        thread = get_ident()
        self._busy[thread] = monotonic()
        try:
            if self._fast_path is not None and type(body) is BytesIO:
                text = self._fast_path(scope.method, scope.path, scope.headers, body.getvalue())
                if text is not None:
                    proto.response_bytes(200, [_JSON, ("Content-Length", str(len(text)))], text)
                    return
            begun: list[Any] = []
            chunks = self._app(self._wsgi(scope, body), lambda *head: begun.extend(head))
            text = b"".join(chunks)
            chunks.close()  # type: ignore[attr-defined]  # Flask's have it
            status, headers = begun
            if isinstance(body, _UnreadableBody):
                self._refuse(proto, int(status[:3]), headers, text, body.unread)
            else:
                proto.response_bytes(int(status[:3]), headers, text)
        except Exception:
            _log.exception("a request failed")
            proto.response_bytes(500, [_JSON], _INTERNAL_ERROR)
        finally:
            del self._busy[thread]

    def _refuse(
        self, proto: Any, status: int, headers: list[tuple[str, str]], text: bytes, unread: bool
    ) -> None:
        """Answer, and close the connection."""
        headers.append(("Connection", "close"))
        if unread:
            # hyper closes the connection if nothing reads the body any more when the response
            # ends. The reader is `proto`, so the response must end after `proto` is gone; only a
            # chunked response has an end of its own.
            headers = [field for field in headers if field[0] != "Content-Length"]
            answer = proto.response_stream(status, headers)
            answer.send_bytes(text)
            self._unread.append(answer)
        else:
            proto.response_bytes(status, headers, text)

    def _wsgi(self, scope: Any, body: Any) -> Environ:
        environ = self._environ.copy()
        environ["REQUEST_METHOD"] = scope.method
        path = scope.path
        environ["PATH_INFO"] = path if path.isascii() else path.encode().decode("latin-1")
        environ["QUERY_STRING"] = scope.query_string
        environ["wsgi.input"] = body
        headers = scope.headers
        fields = headers.items()
        if len(fields) < len(headers):  # `items` leaves out those that are not ASCII
            fields = [(name, headers[name]) for name in headers.keys()]  # noqa: SIM118  # no dict
        for name, value in fields:
            key = self._names.get(name) or self._name(name)
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def _name(self, header: str) -> str:
        key = f"HTTP_{header.upper().replace('-', '_')}"
        if len(self._names) < 100:  # clients may send any names
            self._names[header] = key
        return key


class _UnreadableBody:
    """A body that cannot be read."""

    def __init__(self, error: type[HTTPException], why: str, unread: bool = False) -> None:
        """`unread`: whether more of the body may come."""
        self._error = error
        self._why = why
        self.unread = unread

    def read(self, *_: object) -> bytes:
        # A new exception each time: a stored one would keep its traceback's frames alive.
        raise self._error(self._why)

    readinto = read


def _is_last_chunk(proto: Any) -> bool:
    """Whether the empty chunk that came was the end, and not an error."""
    try:
        proto.__anext__().cancel()
    except StopAsyncIteration:
        return True
    return False
