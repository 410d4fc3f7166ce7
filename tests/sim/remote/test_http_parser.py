"""Answers are read however they are framed, and nothing else is taken for one."""

import pytest

from sim.remote.http_parser import NotHttpError, parse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
FRAMED = {
    "length": OK,
    "small letters": b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}",
    "chunks and a trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n",
    "chunks that hold line ends": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"6\r\n\r\n0\r\n\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", FRAMED)
def test_an_answer_is_complete_with_its_last_byte_and_not_before(name: str) -> None:
    answer = FRAMED[name]
    for end in range(len(answer)):
        assert parse(answer[:end], ended=False) is None
        assert parse(answer[:end], ended=True) is None
    reply = parse(answer, ended=False)
    assert reply is not None
    assert reply.status == 200
    assert reply.body == (b"\r\n0\r\n\n" if "line ends" in name else b"{}")
    assert not reply.closing


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    answer = b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n{}"
    assert parse(answer, ended=False) is None
    reply = parse(answer, ended=True)
    assert reply is not None
    assert (reply.status, reply.body, reply.closing) == (200, b"{}", True)


def test_statuses_that_have_no_body() -> None:
    reply = parse(b"HTTP/1.1 204 No Content\r\n\r\n", ended=False)
    assert reply is not None
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize(
    ("answer", "closing"),
    [
        (OK, False),
        (OK.replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"), True),
        (OK.replace(b"1.1", b"1.0"), True),
        (OK.replace(b"1.1 200 OK", b"1.0 200 OK\r\nConnection: keep-alive"), False),
        (OK + b"HTTP/1.1 200 OK\r\n", True),
    ],
    ids=["kept", "close", "HTTP/1.0", "HTTP/1.0 kept", "more than was asked for"],
)
def test_whether_the_connection_can_be_used_again(answer: bytes, closing: bool) -> None:
    reply = parse(answer, ended=False)
    assert reply is not None
    assert (reply.body, reply.closing) == (b"{}", closing)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP/1"),
        (b"\x15\x03\x01", "not HTTP/1"),
        (b"HTTP/1.1 OK\r\n\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}", "no length that makes sense"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "no length that makes sense"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "no length that makes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "no length that makes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000, "longer than"),
    ],
)
def test_what_is_no_answer_is_named(answer: bytes, message: str) -> None:
    with pytest.raises(NotHttpError, match=message):
        parse(answer, ended=False)
