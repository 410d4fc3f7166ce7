"""Nobody there, somebody else, or answers that will not get better: named, and the run is over."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from sim.errors import InputError
from sim.remote import DriveResult
from sim.world import World

MakeWorld = Callable[..., World]
Drive = Callable[..., DriveResult]
pytestmark = pytest.mark.integration


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_service_that_is_not_running(make_world: MakeWorld, play_remote: Drive) -> None:
    port = closed_port()
    with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}/: no answer .*refused.*running\?"):
        play_remote(make_world(), port)


def test_a_host_name_that_is_none(make_world: MakeWorld, play_remote: Drive) -> None:
    with pytest.raises(InputError, match=r"a\.\.b:80/: no answer"):
        play_remote(make_world(), 80, host="a..b")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP/1"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "answered 404 b'no'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answered 200 b'hi'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", r"no answer \(.*closed before"),
        (b"", r"no answer \(.*closed before"),
    ],
)
def test_what_is_no_service_is_named(
    make_world: MakeWorld, play_remote: Drive, wire: Any, sent: bytes, message: str
) -> None:
    with wire(None, sent) as server, pytest.raises(InputError, match=message) as caught:
        play_remote(make_world(), server.port)
    assert f"http://127.0.0.1:{server.port}/: " in str(caught.value)


def test_an_answer_that_trickles_in_is_given_no_more_time_than_one_that_hangs(
    make_world: MakeWorld, play_remote: Drive, wire: Any
) -> None:
    with (
        wire(None, b"HTTP/1.1 200 OK\r\nContent-", close=False) as server,
        pytest.raises(InputError, match=r"no answer \(not within 0\.1 s\)"),
    ):
        play_remote(make_world(), server.port, timeout_seconds=0.1)


WRONG: dict[str, tuple[int, bytes, str]] = {
    "bad request": (400, b'{"message": "unknown track"}', "answered 400 .*unknown track"),
    "not found": (404, b"{}", "answered 404 "),
    "elsewhere": (301, b"", "answered 301 "),
    "a page": (200, b"<html>hello</html>", "answered 200 b'<html>hello"),
    "nothing": (200, b"", "answered 200 b''"),
    "no content": (204, b"", "answered 204 b''"),
    "a list": (200, b"[1]", r"answered 200 b'\[1\]'"),
    "no track": (200, b'{"user": 1}', "without a track"),
    "a track that is text": (200, b'{"track": "5"}', "without a track"),
    "a track that is true": (200, b'{"track": true}', "without a track"),
    "a track and a half": (200, b'{"track": 1.5}', "without a track"),
    "a track beyond 63 bits": (200, b'{"track": 9223372036854775808}', "track 9223372036854775"),
    "a track beyond all bounds": (200, b'{"track": 1' + b"0" * 40 + b"}", "without a track"),
    "an unknown track": (200, b'{"track": 60}', "answered track 60, .* tracks 0 to 59"),
    "a negative track": (200, b'{"track": -1}', "answered track -1, .* tracks 0 to 59"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_ends_the_run_and_is_named(
    make_world: MakeWorld, service: Any, play_remote: Drive, case: str
) -> None:
    status, body, message = WRONG[case]
    service.answer = lambda path, play: (
        (status, body) if "next" in path else service.by_formula(path, play)
    )
    with pytest.raises(InputError, match=message) as caught:
        play_remote(make_world(), service.port)
    assert "\n" not in str(caught.value)
    assert f"http://127.0.0.1:{service.port}/next/" in str(caught.value)


@pytest.mark.parametrize("reply", [(404, b"{}"), (200, b"bye")])
def test_a_wrong_answer_to_the_end_of_a_session_is_named_too(
    make_world: MakeWorld, service: Any, play_remote: Drive, reply: tuple[int, bytes]
) -> None:
    service.answer = lambda path, play: reply if "last" in path else service.by_formula(path, play)
    with pytest.raises(InputError, match=rf"/last/\d+: answered {reply[0]}"):
        play_remote(make_world(), service.port)
