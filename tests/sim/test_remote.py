"""The driver of a service: its requests, its connections, and every way a service can fail."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from sim.agents.base import Answer, Turn
from sim.agents.connection import Connection, HttpError
from sim.agents.remote import Remote
from sim.engine import play
from sim.errors import InputError
from sim.events import Recorder, concatenate
from sim.summary import Summary
from sim.world import World

MakeWorld = Callable[..., World]
pytestmark = pytest.mark.integration


class Service(ThreadingHTTPServer):
    """A service of the protocol in a thread; a test may change how it answers."""

    daemon_threads = True
    n_tracks = 60

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self.answer: Callable[[str, dict[str, Any]], tuple[int, bytes]] = self.by_formula
        self.close_after_each = False
        self.chunked = False
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def by_formula(self, path: str, play: dict[str, Any]) -> tuple[int, bytes]:
        if path == "/":
            return 200, b'{"status": "alive", "message": "hello"}'
        _, route, user = path.split("/")
        answer = {"user": int(user)}
        if route == "next":
            answer["track"] = (int(user) * 7 + play["track"] * 3 + 1) % self.n_tracks
        return 200, json.dumps(answer).encode()

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
        status, body = self.server.answer(self.path, play)
        self.send_response(status)
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
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def drive(
    world: World, port: int, n: int = 60, connections: int = 4, timeout: float = 10.0, **more: Any
) -> Summary:
    agent = Remote("127.0.0.1", port, connections, timeout)
    try:
        return play(world, agent, seed=6, episodes=range(n), **({"batch": connections} | more))
    finally:
        agent.close()


class ByFormula:
    """What the service answers, in process."""

    name = "by_formula"
    one_session_per_user = False

    def begin(self, world: World, slots: int) -> None:
        pass

    def recommend(self, turn: Turn) -> Answer:
        return Answer((turn.users * 7 + turn.tracks * 3 + 1) % Service.n_tracks)

    def end(self, turn: Turn) -> None:
        pass


@pytest.mark.parametrize(("connections", "batch"), [(1, 1), (4, 4), (3, 16)])
def test_a_remote_run_is_an_in_process_run(
    make_world: MakeWorld, service: Service, connections: int, batch: int
) -> None:
    world = make_world()
    summary = drive(world, service.port, connections=connections, batch=batch)
    assert summary == play(world, ByFormula(), seed=6, episodes=range(60), batch=16)
    assert service.connections == connections


def test_requests_are_what_the_listeners_played(make_world: MakeWorld, service: Service) -> None:
    world = make_world()
    parts: list[Any] = []
    recorder = Recorder(parts.append)
    summary = drive(world, service.port, connections=1, recorder=recorder)
    recorder.flush()
    events = concatenate(parts)
    expected: list[tuple[str, dict[str, Any]]] = [("/", {})]
    for user, track, time, last in zip(
        events.users.tolist(),
        events.tracks.tolist(),
        events.times.tolist(),
        events.is_last.tolist(),
        strict=True,
    ):
        route = "last" if last else "next"
        expected.append((f"/{route}/{user}", {"track": track, "time": time}))
    assert service.requests == expected
    assert len(service.requests) == 1 + summary.steps + summary.sessions


def test_a_service_that_closes_every_connection_is_served_as_well(
    make_world: MakeWorld, service: Service
) -> None:
    world = make_world()
    service.close_after_each = True
    summary = drive(world, service.port, n=10)
    assert summary == play(world, ByFormula(), seed=6, episodes=range(10))
    assert service.connections == len(service.requests)


def test_an_answer_in_chunks_is_understood(make_world: MakeWorld, service: Service) -> None:
    world = make_world()
    service.chunked = True
    assert drive(world, service.port) == play(world, ByFormula(), seed=6, episodes=range(60))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_service_that_is_not_running(make_world: MakeWorld) -> None:
    port = closed_port()
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}/: no answer .*refused.*running\?"):
        drive(make_world(), port)


def test_a_host_name_that_is_none(make_world: MakeWorld) -> None:
    agent = Remote("a..b", 80, 1, 1.0)
    with pytest.raises(InputError, match=r"a\.\.b:80/: no answer"):
        play(make_world(), agent, seed=1, episodes=range(1))


WRONG: dict[str, tuple[int, bytes, str]] = {
    "an error": (500, b'{"message": "the store is away"}', "answered 500 .*the store is away"),
    "bad request": (400, b'{"message": "unknown track"}', "answered 400 .*unknown track"),
    "a page": (200, b"<html>hello</html>", "answered 200 b'<html>hello"),
    "nothing": (200, b"", "answered 200 b''"),
    "no content": (204, b"", "answered 204 b''"),
    "a list": (200, b"[1]", r"answered 200 b'\[1\]'"),
    "no track": (200, b'{"user": 1}', "without a track"),
    "a track that is text": (200, b'{"track": "5"}', "without a track"),
    "a track that is true": (200, b'{"track": true}', "without a track"),
    "a track and a half": (200, b'{"track": 1.5}', "without a track"),
    "a track beyond 64 bits": (200, b'{"track": 9223372036854775808}', "without a track"),
    "a track beyond all bounds": (200, b'{"track": 1' + b"0" * 40 + b"}", "without a track"),
    "an unknown track": (200, b'{"track": 60}', "answered track 60 to user .* tracks 0 to 59"),
    "a negative track": (200, b'{"track": -1}', "answered track -1 to user .* tracks 0 to 59"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_named(make_world: MakeWorld, service: Service, case: str) -> None:
    status, body, message = WRONG[case]
    service.answer = lambda path, play: (
        (status, body) if "next" in path else service.by_formula(path, play)
    )
    with pytest.raises(InputError, match=message) as caught:
        drive(make_world(), service.port)
    assert "\n" not in str(caught.value)


def test_an_error_at_the_end_of_a_session_is_named_too(
    make_world: MakeWorld, service: Service
) -> None:
    service.answer = lambda path, play: (
        (503, b"{}") if "last" in path else service.by_formula(path, play)
    )
    with pytest.raises(InputError, match=r"/last/\d+: answered 503"):
        drive(make_world(), service.port)


def test_a_service_that_hangs(make_world: MakeWorld, service: Service) -> None:
    hanging = threading.Event()

    def answer(path: str, play: dict[str, Any]) -> tuple[int, bytes]:
        if "next" in path:
            hanging.wait(30)
        return service.by_formula(path, play)

    service.answer = answer
    try:
        with pytest.raises(InputError, match=r"/next/\d+: no answer \(not within 0.2 s\)"):
            drive(make_world(), service.port, timeout=0.2)
    finally:
        hanging.set()


class Wire:
    """A server that sends the given bytes to whoever connects; None: waits for a request."""

    def __init__(self, *sent: bytes | None, close: bool = True) -> None:
        self._sent, self._close = sent, close
        self._done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            for some in self._sent:
                if some is None:
                    connection.recv(65536)
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


def exchange(wire: Wire, timeout: float = 5.0) -> tuple[int, bytes]:
    connection = Connection("127.0.0.1", wire.port, timeout)
    try:
        connection.send("POST", "/next/1", b"{}")
        return connection.receive()
    finally:
        connection.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n",
    ],
    ids=["length", "small letters", "HTTP/1.0 to the end", "chunks and a trailer"],
)
def test_answers_are_read_however_they_are_framed_and_cut(answer: bytes) -> None:
    with Wire(None, answer) as wire:
        assert exchange(wire) == (200, b"{}")
    with Wire(None, *(answer[i : i + 1] for i in range(len(answer)))) as wire:
        assert exchange(wire) == (200, b"{}")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "closed before"),
        (OK[:-1], "closed before"),
        (OK[:20], "closed before"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 OK\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}", "no length that makes sense"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "no length that makes sense"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "no length that makes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000, "longer than"),
    ],
)
def test_what_is_no_answer_is_named(answer: bytes, message: str) -> None:
    with Wire(None, answer, close=True) as wire, pytest.raises(OSError, match=message) as caught:
        exchange(wire)
    assert isinstance(caught.value, HttpError | ConnectionError)


def test_an_answer_that_trickles_in_is_given_no_more_time_than_one_that_hangs() -> None:
    with Wire(None, OK[:-1], close=False) as wire, pytest.raises(TimeoutError, match=r"0\.1 s"):
        exchange(wire, timeout=0.1)


def test_a_connection_that_the_service_closed_while_idle_is_opened_again(
    service: Service,
) -> None:
    with Wire(None, OK) as wire:
        connection = Connection("127.0.0.1", wire.port, 5.0)
        connection.send("GET", "/")
        assert connection.receive() == (200, b"{}")
    # The wire is gone and its connection closed; another service takes its place.
    with socket.create_server(("127.0.0.1", wire.port)) as listener:
        connection.send("GET", "/")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(65536).startswith(b"GET / HTTP/1.1\r\n")
            accepted.sendall(OK)
            assert connection.receive() == (200, b"{}")
    connection.close()


def test_an_ipv6_host_is_named_in_brackets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        connection = Connection("::1", listener.getsockname()[1], 5.0)
        connection.send("GET", "/")
        accepted, _ = listener.accept()
        with accepted:
            assert b"\r\nHost: [::1]:" in accepted.recv(65536)
        connection.close()


def test_times_are_sent_as_they_are_logged(make_world: MakeWorld, service: Service) -> None:
    drive(make_world(), service.port)
    times = [play["time"] for path, play in service.requests if path != "/"]
    assert all(time == round(time, 2) for time in times)
    assert np.unique(times).size > 10
