"""What the service makes of requests, good and bad, byte by byte."""

import http.client
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from .load import workers_of

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Connect = Callable[[str], Any]
ONE_WORKER = {"workers": 1}


def test_bad_requests_get_json_errors_and_leave_no_trace(serve: Serve, connect: Connect) -> None:
    served = serve(ONE_WORKER)
    connection = connect(served.url)
    good = b'{"track": 1, "time": 1}'
    cases = [
        ("POST", "/next/1", b"", 400),
        ("POST", "/next/1", b'{"track": 1, "time": NaN}', 400),
        ("POST", "/next/1", b'{"track": true, "time": 1}', 400),
        ("POST", "/next/1", b'{"track": 40, "time": 1}', 400),
        ("POST", "/last/1", b'{"track": 1, "time": 1.01}', 400),
        ("POST", "/last/1", b'{"track": 1}', 400),
        ("POST", "/next/-1", good, 404),
        ("POST", "/next/1.5", good, 404),
        ("POST", "/next/one", good, 404),
        ("POST", "/next/", good, 404),
        ("POST", "/next/1/", good, 404),
        ("POST", "/next//1", good, 404),
        ("POST", "/next/%D9%A1", good, 404),  # a digit, but not one of 0 to 9
        ("GET", "/track/-1", None, 404),
        ("GET", "/track/" + "9" * 3000, None, 404),
        ("GET", "/nothing", None, 404),
        ("GET", "/next/1", None, 405),
        ("DELETE", "/last/1", None, 405),
        ("POST", "/track/1", good, 405),
        ("POST", "/next/1", b'{"track": 1, "time": 1, "x": "' + b"x" * 100_000 + b'"}', 413),
    ]
    for method, path, body, expected in cases:
        status, answer = connection.request(method, path, body)
        assert status == expected, (method, path, body)
        assert set(answer) == {"message"}
        assert answer["message"]
    assert served.stop() == 0
    assert served.log() == []


@pytest.mark.parametrize("path", ["/next/-1", "/track/1"])
def test_a_mistake_whose_body_comes_late_keeps_its_connection(serve: Serve, path: str) -> None:
    client = http.client.HTTPConnection(serve(ONE_WORKER).url.removeprefix("http://"), timeout=30)
    client.auto_open = 0  # one connection, or none
    client.connect()
    for _ in range(3):
        client.putrequest("POST", path)
        client.putheader("Content-Length", "4")
        client.endheaders()
        time.sleep(0.05)
        client.send(b"late")
        answer = client.getresponse()
        assert answer.status in (404, 405)
        answer.read()
    client.request("GET", "/")
    assert client.getresponse().status == 200
    client.close()


def test_bodies_need_no_content_type_and_may_be_chunked(serve: Serve, connect: Connect) -> None:
    served = serve(ONE_WORKER)
    address = served.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as raw:
        raw.sendall(
            b"POST /next/7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'17\r\n{"track": 1, "time": 1}\r\n0\r\n\r\n'
        )
        answer = b""
        while b"}" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b'{"user":7,"track":7}')
        # The connection stays open: a second request gets its answer on it.
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_not_whole_is_neither_answered_nor_logged(
    serve: Serve, connect: Connect
) -> None:
    served = serve(ONE_WORKER)
    play = b'{"track": 1, "time": 1}'
    head = b"POST /next/7 HTTP/1.1\r\nHost: x\r\n"
    cut = head + b"Content-Length: 100\r\n\r\n" + play
    assert raw_answer(served.url, cut, leave=True) in (0, 400)
    padded = play + b" " * 70_000  # JSON all the same, where only the beginning is read
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(padded), padded)
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    assert raw_answer(served.url, chunked) == 413
    assert served.stop() == 0
    assert served.log() == []


def raw_answer(url: str, request: bytes, leave: bool = False) -> int:
    """The status of the answer to these bytes; 0: none. Says that no more will come on `leave`."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(request)
        if leave:
            raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(4096)
    return int(answer.split()[1]) if answer else 0


def test_requests_in_flight_are_answered_though_everybody_is_told_to_stop_twice(
    serve: Serve,
) -> None:
    served = serve(ONE_WORKER)
    (worker,) = workers_of(served.process.pid)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(b"POST /next/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n")
        time.sleep(1)  # in flight
        for _ in range(2):
            os.kill(worker, signal.SIGTERM)
            served.process.terminate()
            time.sleep(0.2)
        raw.sendall(b'{"track": 1, "time": 1}')
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert served.process.wait(30) == 0
    assert len(served.log()) == 1
