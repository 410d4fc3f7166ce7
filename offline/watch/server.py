"""Serves the page and its JSON, on this machine only."""

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from offline.errors import InputError
from offline.watch.telling import Json

HOST = "127.0.0.1"
_HERE = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TIMEOUT_S = 30.0


class Board:
    """The current state as JSON; written by one thread, read by those that answer requests."""

    def __init__(self, told: Json) -> None:
        self.put(told)

    def put(self, told: Json) -> None:
        """Replace the state."""
        self._now = json.dumps(told, allow_nan=False).encode(), etag(told)

    @property
    def now(self) -> tuple[bytes, str]:
        """The text of the JSON, and its ETag."""
        return self._now


def etag(told: Json) -> str:
    """Version of the content; its age and the cost of computing it do not change it."""
    log = {
        key: value for key, value in told.get("log", {}).items() if key not in ("lag", "silence")
    }
    steady = {key: value for key, value in told.items() if key not in ("told_at", "cost")}
    text = json.dumps(steady | {"log": log}, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def serve(board: Board, port: int) -> ThreadingHTTPServer:
    """Answer requests in a separate thread until `shutdown`; port 0 is any free port.

    Raises InputError where the port is taken or may not be used.
    """
    try:
        server = _Server((HOST, port), _handler(board))
    except OSError as error:
        reason = "is taken" if error.errno in (48, 98) else f"cannot be used: {error.strerror}"
        raise InputError(
            f"port {port} of {HOST} {reason}; give botify-offline watch another --port, "
            "or 0 for any that is free"
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves is no error of this program."""


def _handler(board: Board) -> type[BaseHTTPRequestHandler]:
    files = {path: ((_HERE / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "botify-watch"
        sys_version = ""
        timeout = _TIMEOUT_S

        def do_GET(self) -> None:
            if not self._is_local():
                # A page of another site whose name resolves to this host (DNS rebinding).
                message = "this page answers to 127.0.0.1 and localhost alone"
                self._send(403, _message(message), "application/json")
                return
            path = self.path.partition("?")[0]
            if path == "/state.json":
                text, tag = board.now
                if tag in self.headers.get("If-None-Match", ""):
                    self._send(304, b"", None, {"ETag": tag})
                else:
                    self._send(200, text, "application/json", {"ETag": tag})
            elif path in files:
                self._send(200, *files[path])
            else:
                self._send(404, _message("there is /, and /state.json"), "application/json")

        def send_error(
            self, code: int, message: str | None = None, explain: str | None = None
        ) -> None:
            if code == 501:  # http.server's answer to a method that has no handler
                more = {"Allow": "GET"}
                self._send(405, _message("only GET is answered"), "application/json", more)
            else:
                self._send(code, _message(message or "bad request"), "application/json")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """A line for each request would hide what matters."""

        def _is_local(self) -> bool:
            names = self.headers.get_all("Host") or []
            port = self.server.server_port  # type: ignore[attr-defined]
            return len(names) == 1 and names[0].lower() in (
                f"{HOST}:{port}",
                f"localhost:{port}",
                *((HOST, "localhost") if port == 80 else ()),
            )

        def _send(
            self,
            status: int,
            body: bytes,
            kind: str | None,
            more: Mapping[str, str] | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in {**_HEADERS, **(more or {})}.items():
                self.send_header(name, value)
            if kind is not None:
                self.send_header("Content-Type", kind)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def _message(text: str) -> bytes:
    return json.dumps({"message": text}).encode()
