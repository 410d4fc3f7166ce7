"""Health and metrics from the parent process, also while workers hang or are dead."""

import socket
import threading
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from flask import Flask

from botify.server.workers import listen_error, url

_SECONDS = 5.0
"""Of a whole connection."""
_CONNECTIONS = 128
"""Open at once, each with a thread. Further ones are closed."""


class OperationsPort:
    """A small server, in threads of its own."""

    def __init__(self, host: str, port: int) -> None:
        """Listens; port 0 picks a free one. Raises InputError if that fails."""
        try:
            self._server = _Server(host, port)
        except OSError as error:
            choose = "--operations-port (each service needs its own port for health and metrics)"
            check = "--operations-host and --operations-port"
            raise listen_error(host, port, error, choose, check) from error

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.server_address[:2]
        return url(str(host), port)

    def start(self, app: Flask) -> None:
        """Serve this application from now on."""
        self._server.set_app(app)
        threading.Thread(target=self._server.serve_forever, name="operations", daemon=True).start()

    def leave(self) -> None:
        """In a fork: close its sockets, so that only the parent has them."""
        self._server.socket.close()
        for connection in self._server.open:
            connection.close()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    timeout = _SECONDS

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.open: dict[Any, float] = {}  # connections and their deadlines
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would look up the host's name
        self.server_name, self.server_port = map(str, self.server_address[:2])  # type: ignore[assignment]
        self.setup_environ()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        if len(self.open) >= _CONNECTIONS:
            return False
        self.open[request] = monotonic() + _SECONDS
        return True

    def shutdown_request(self, request: Any) -> None:
        self.open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        for request, until in list(self.open.items()):
            if until < monotonic():
                with suppress(OSError):  # it ended meanwhile
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may disconnect at any time."""
