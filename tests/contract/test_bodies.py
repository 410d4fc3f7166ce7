"""Bodies that come slowly, not whole, or not at all; and listeners who go on meanwhile."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from .load import Load, ask, metric, until

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]

PLAY = b'{"track": 1, "time": 1}'
HEAD = b"POST /next/7 HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ONE_CHUNK = b"%x\r\n%b\r\n" % (len(PLAY), PLAY)
BEGINNINGS = {
    "of known length": HEAD + b"Content-Length: 23\r\n\r\n" + PLAY[:4],
    "of no byte": HEAD + b"Content-Length: 23\r\n\r\n",
    "in chunks": CHUNKED + b"17\r\n" + PLAY[:4],
    "between chunks": CHUNKED + ONE_CHUNK,
    "for a route that is none": b"POST /nothing HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
    "of a header": HEAD,
    "nothing yet": b"",
}


@pytest.fixture
def senders() -> Iterator[Callable[..., list[socket.socket]]]:
    """senders(url, n, beginning): so many connections, each with the beginning of a request."""
    with ExitStack() as stack:

        def make(url: str, n: int, beginning: bytes) -> list[socket.socket]:
            host, port = url.removeprefix("http://").split(":")
            made = []
            for _ in range(n):
                made.append(
                    stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
                )
                made[-1].sendall(beginning)
            return made

        yield make


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    """Status and JSON of the answer, after which the connection is closed; 0 where none comes."""
    got = b""
    while part := connection.recv(65536):
        got += part
    if not got:
        return 0, None
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


def test_slow_senders_stop_nobody(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    served = serve({"workers": 2, "body_timeout": 60})
    with Load(served.url, clients=4) as load:
        for beginning in BEGINNINGS.values():
            senders(served.url, 100, beginning)
            load.goes_on(50)
            for url in (served.url, served.operations_url):
                assert ask(url, "/health/live") == (200, {"status": "alive"})
                assert ask(url, "/health")[0] == 200
    assert load.failures == []


def test_late_bodies_are_given_up(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    served = serve({"workers": 1, "body_timeout": 0.5})
    kinds = ("of known length", "of no byte", "in chunks", "between chunks")
    late = [c for kind in kinds for c in senders(served.url, 20, BEGINNINGS[kind])]
    answers = [answer_of(connection) for connection in late]
    assert answers == [(408, {"message": "the body did not arrive within 0.5 s"})] * 80
    assert until(lambda: metric(served.url, "botify_refused_total") == 80)
    assert served.stop() == 0
    assert served.log() == []


def test_one_who_sends_a_byte_now_and_then_is_late_too(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    served = serve({"workers": 1, "body_timeout": 1})
    began = time.monotonic()
    one, other = (
        senders(served.url, 1, BEGINNINGS[kind])[0] for kind in ("of no byte", "in chunks")
    )
    while time.monotonic() - began < 0.8:
        for connection in (one, other):
            connection.sendall(b" ")
        time.sleep(0.1)
    assert [answer_of(connection)[0] for connection in (one, other)] == [408, 408]


NOT_WHOLE = [
    (CHUNKED + ONE_CHUNK, 400),
    (CHUNKED + b"17\r\n" + PLAY, 400),
    (CHUNKED + ONE_CHUNK + b"17\r\n", 400),
    (CHUNKED + ONE_CHUNK + b"XX\r\n", 400),
    (CHUNKED + ONE_CHUNK + b"-1\r\n\r\n", 400),
    (CHUNKED + ONE_CHUNK + b"0\r\nTrailer: 1\r\n\r\n", 400),
    (CHUNKED + b"0\r\n\r\n", 400),
    (HEAD + b"Content-Length: 24\r\n\r\n" + PLAY, 400),
    (HEAD + b"Content-Length: 0\r\n\r\n", 400),
    (HEAD + b"\r\n", 400),
    (HEAD + b"Content-Length: -1\r\n\r\n" + PLAY, 400),
    (HEAD + b"Content-Length: 23\r\nContent-Length: 24\r\n\r\n" + PLAY, 400),
    (HEAD + b"Content-Length: 100000\r\n\r\n", 413),
    (CHUNKED + b"%x\r\n" % 70_000 + PLAY + b" " * 69_977, 413),
]


def test_bodies_that_are_not_whole_are_refused_and_not_logged(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    served = serve({"workers": 1})
    for request, expected in NOT_WHOLE:
        (connection,) = senders(served.url, 1, request)
        connection.shutdown(socket.SHUT_WR)
        # Who has left may get no answer; some of these hyper itself refuses, and not in JSON.
        got = connection.recv(65536)
        assert not got or int(got.split()[1]) == expected, request[:99]
    assert served.stop() == 0
    assert served.log() == []


def test_a_body_without_end_is_not_kept_in_memory(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    (connection,) = senders(serve({"workers": 1}).url, 1, CHUNKED)
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with suppress(OSError):  # reset, or a broken pipe
        for _ in range(200):
            connection.sendall(chunk)
        pytest.fail("it took 200 MiB")


def test_whole_bodies_in_chunks_are_taken_and_the_connection_is_kept(
    serve: Serve, senders: Callable[..., list[socket.socket]]
) -> None:
    served = serve({"workers": 1})
    (connection,) = senders(served.url, 1, b"")
    for cut in (1, 7, len(PLAY)):
        parts = [PLAY[:cut], PLAY[cut:]]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
        connection.sendall(CHUNKED + body + b"0\r\n\r\n")
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
    assert served.stop() == 0
    assert len(served.log()) == 3
