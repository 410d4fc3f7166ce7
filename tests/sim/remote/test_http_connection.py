"""One connection: how requests leave, how answers come in pieces, and when it is reopened."""

import socket
from collections.abc import Iterator
from selectors import DefaultSelector
from typing import Any

import pytest

from sim.remote.http_connection import Address, Connection, CutError, UnsentError, request
from sim.remote.http_parser import Reply

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
POST = request("POST", "/next/1", "localhost:80", '{"track":1,"time":0.5}')


class Link:
    """A connection and the selector it is registered with."""

    def __init__(self, port: int) -> None:
        self.selector = DefaultSelector()
        address = Address(socket.AF_INET, ("127.0.0.1", port))
        self.connection = Connection(address, self.selector, 7)

    def exchange(self) -> Reply:
        self.connection.send(POST)
        while True:
            assert self.selector.select(10), "no answer"
            if (reply := self.connection.receive()) is not None:
                return reply


@pytest.fixture
def link() -> Iterator[Any]:
    """link(port): a Link, closed after the test."""
    made: list[Link] = []

    def open_one(port: int) -> Link:
        made.append(Link(port))
        return made[-1]

    yield open_one
    for one in made:
        one.connection.close()
        one.selector.close()


def test_a_request_leaves_in_one_piece(wire: Any, link: Any) -> None:
    with wire(None, OK) as server:
        assert link(server.port).exchange().body == b"{}"
    assert server.requests == [POST]
    assert POST.endswith(b'Content-Length: 22\r\n\r\n{"track":1,"time":0.5}')


def test_an_answer_may_come_byte_by_byte(wire: Any, link: Any) -> None:
    with wire(None, *(OK[i : i + 1] for i in range(len(OK)))) as server:
        assert link(server.port).exchange().body == b"{}"


def test_an_answer_may_end_with_the_connection(wire: Any, link: Any) -> None:
    with wire(None, b"HTTP/1.0 200 OK\r\n\r\n", b"{}") as server:
        assert link(server.port).exchange().body == b"{}"


@pytest.mark.parametrize("end", [0, 20, len(OK) - 1])
def test_an_answer_that_is_cut_off_may_have_been_handled(wire: Any, link: Any, end: int) -> None:
    with wire(None, OK[:end]) as server, pytest.raises(CutError, match="before the answer was"):
        link(server.port).exchange()


def test_a_connection_that_could_not_be_made_has_sent_nothing(link: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnsentError, match="refused"):
        link(port).exchange()


@pytest.mark.parametrize("noticed", [True, False], ids=["while idle", "with the next request"])
def test_a_connection_that_the_service_closed_while_idle_is_opened_again(
    wire: Any, link: Any, noticed: bool
) -> None:
    with wire(None, OK) as server:
        one = link(server.port)
        assert one.exchange().body == b"{}"
    # The wire is gone and its connection closed; another service takes its place.
    if noticed:
        assert one.selector.select(10)
        assert one.connection.receive() is None
        assert not one.selector.get_map()
    with socket.create_server(("127.0.0.1", server.port)) as listener:
        one.connection.send(POST)
        accepted, _ = listener.accept()
        with accepted:
            assert one.selector.select(10)
            assert one.connection.receive() is None  # connected; now it is sent
            assert accepted.recv(65536) == POST
            accepted.sendall(OK)
            assert one.selector.select(10)
            assert one.connection.receive().body == b"{}"
