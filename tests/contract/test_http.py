"""What the service makes of requests, good and bad, byte by byte."""

import http.client
import json
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
        ("POST", "/next/" + "9" * 201, good, 400),
        ("POST", "/last/" + "9" * 4300, good, 400),
        ("POST", "/next/" + "0" * 201, good, 400),
        ("POST", "/next/" + "9" * 4301, good, 400),
        ("GET", "/nothing", None, 404),
        ("GET", "/next/1", None, 405),
        ("DELETE", "/last/1", None, 405),
        ("GET", "/next/" + "9" * 201, None, 405),
        ("PUT", "/last/" + "9" * 4301, good, 405),
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


def test_mistakes_are_told_in_words_that_help(serve: Serve, connect: Connect) -> None:
    connection = connect(serve(ONE_WORKER).url)
    good = b'{"track": 1, "time": 1}'
    cases = [
        ("POST", "/next/alice", "a user is a non-negative integer, as in /next/7, not 'alice'"),
        ("POST", "/last/1.5", "a user is a non-negative integer, as in /last/7, not '1.5'"),
        ("POST", "/next/", "a user is a non-negative integer, as in /next/7"),
        ("POST", "/next", "a user is a non-negative integer, as in /next/7"),
        ("GET", "/track/x", "a track is a non-negative integer, as in /track/7, not 'x'"),
        ("POST", "/nxt/7", "there is no /nxt/7; the routes are GET /, GET /track/<track>, POST"),
        ("GET", "/next/7", "/next/7 does not allow GET: use POST"),
        ("PUT", "/health", "/health does not allow PUT: use GET"),
        ("POST", "/next/" + "9" * 4000, "a user has at most 200 digits, this one 4,000"),
        ("POST", "/next/" + "x" * 900, "a user is a non-negative integer, as in /next/7, not"),
    ]
    for method, path, words in cases:
        _, answer = connection.request(method, path, good)
        assert words in answer["message"], path
        assert len(answer["message"]) < 400
        assert "did you mean" not in answer["message"]
        assert "URL" not in answer["message"]


def test_a_user_of_200_digits_is_served(serve: Serve, connect: Connect) -> None:
    user = int("9" * 200)
    status, answer = connect(serve(ONE_WORKER).url).play("next", user, 1, 1)
    assert (status, answer["user"]) == (200, user)


def test_a_wrong_method_is_told_the_right_ones(serve: Serve) -> None:
    client = http.client.HTTPConnection(serve(ONE_WORKER).url.removeprefix("http://"), timeout=30)
    client.request("PATCH", "/last/7")
    answer = client.getresponse()
    assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    client.close()


def test_pages_of_other_sites_post_no_plays(serve: Serve) -> None:
    served = serve({"workers": 1, "allowed_origins": ["https://player.example"]})
    address = served.url.removeprefix("http://")
    client = http.client.HTTPConnection(address, timeout=30)
    for origin, kind, expected in (
        ("http://evil.example", "text/plain", 403),
        ("http://evil.example", "application/json", 403),
        ("null", "text/plain", 403),
        ("http://\xe9vil.example", "application/json", 403),  # not ASCII
        (f"http://{address}", "application/json", 200),
        (f"http://{address}", "text/plain", 415),
        ("https://player.example", "application/json", 200),
        ("https://player.example", "text/plain", 415),
    ):
        headers = {"Origin": origin, "Content-Type": kind}
        client.request("POST", "/next/7", b'{"track": 1, "time": 1}', headers)
        answer = client.getresponse()
        assert answer.status == expected, (origin, kind)
        assert answer.headers["Content-Type"] == "application/json"
        shown = answer.headers["Access-Control-Allow-Origin"]
        assert shown == (origin if origin.startswith("https:") else None)
        assert expected == 200 or json.loads(answer.read())["message"]
        answer.read()
    # What a browser asks before it posts JSON for a page of another site.
    for origin, status in (("https://player.example", 204), ("http://evil.example", 403)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        client.request("OPTIONS", "/next/7", headers=asked)
        answer = client.getresponse()
        assert answer.status == status
        shown = answer.headers["Access-Control-Allow-Headers"] or ""
        assert ("Content-Type" in shown) == (status == 204)
        answer.read()
    client.close()
    assert served.stop() == 0
    assert len(served.log()) == 2


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
