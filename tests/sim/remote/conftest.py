"""Servers in threads: a service of the protocol that can be made to misbehave, and raw bytes."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sim.agent import Answer, Turn
from sim.engine.play import play
from sim.engine.summary import Summary
from sim.remote import DriveResult, ServiceOptions, drive
from sim.world import World

N_TRACKS = 60
SEED = 6
Reply = tuple[int, bytes] | tuple[int, bytes, dict[str, str]] | None


class Service(ThreadingHTTPServer):
    """A service of the protocol in a thread; a test may change how it answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self.answer: Callable[[str, dict[str, Any]], Reply] = self.by_formula
        self.close_after_each = False
        self.chunked = False
        super().__init__(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def count(self, start: str) -> int:
        """Requests so far whose path starts like this."""
        return sum(path.startswith(start) for path, _ in self.requests)

    def by_formula(self, path: str, play: dict[str, Any]) -> tuple[int, bytes]:
        if path == "/":
            return 200, b'{"status": "alive", "message": "hello"}'
        _, route, user = path.split("/")
        answer = {"user": int(user)}
        if route == "next":
            answer["track"] = (int(user) * 7 + play["track"] * 3 + 1) % N_TRACKS
        return 200, json.dumps(answer).encode()

    def stop(self) -> None:
        """Take no more connections; those there are go on."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        play = json.loads(content) if content else {}
        self.server.requests.append((self.path, play))
        reply = self.server.answer(self.path, play)
        if reply is None:
            self.close_connection = True
            return
        status, body, *headers = reply
        self.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name, value)
        if self.server.close_after_each:
            self.send_header("Connection", "close")
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            half = len(body) // 2
            pieces = [body[:half], body[half:], b""]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def start_service() -> Iterator[Callable[..., Service]]:
    """start_service(port): a Service, stopped after the test."""
    started: list[Service] = []

    def start(port: int = 0) -> Service:
        started.append(Service(port))
        return started[-1]

    yield start
    for service in started:
        service.stop()


@pytest.fixture
def service(start_service: Callable[..., Service]) -> Service:
    return start_service()


class ByFormula:
    """What the service answers, in process."""

    name = "by_formula"
    sources = ("by_formula",)

    def begin(self, world: World, slots: int) -> None:
        pass

    def recommend(self, turn: Turn) -> Answer:
        return Answer((turn.users * 7 + turn.tracks * 3 + 1) % N_TRACKS)

    def end(self, turn: Turn) -> None:
        pass


@pytest.fixture
def in_process() -> Callable[..., Summary]:
    """in_process(world, episodes): the same sessions with no service."""

    def played(world: World, episodes: Any) -> Summary:
        return play(world, ByFormula(), seed=SEED, episodes=episodes)

    return played


@pytest.fixture
def play_remote() -> Callable[..., DriveResult]:
    """play_remote(world, port, episodes=..., progress=..., **options of the service)."""

    def run(world: World, port: int, episodes: Any = range(60), **more: Any) -> DriveResult:
        progress = more.pop("progress", lambda ended: None)
        options = {"host": "127.0.0.1", "port": port, "connections": 4} | more
        service = ServiceOptions(**options)
        return drive(world, service, seed=SEED, episodes=episodes, progress=progress)

    return run


class Wire:
    """A server that sends the given bytes to whoever connects; None: waits for a request."""

    def __init__(self, *sent: bytes | None, close: bool = True) -> None:
        self._sent, self._close = sent, close
        self._done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for some in self._sent:
                if some is None:
                    self.requests.append(connection.recv(65536))
                else:
                    connection.sendall(some)
            if not self._close:
                self._done.wait(30)

    def __enter__(self) -> "Wire":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def wire() -> type[Wire]:
    return Wire
