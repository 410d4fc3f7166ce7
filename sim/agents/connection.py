"""A kept-alive HTTP/1.1 connection for small requests, many times a second.

A tenth of the work that `http.client` does: head and body leave in one packet,
and only the headers that frame an answer are looked at.
"""

import select
import socket
import sys
from time import monotonic

_LARGEST_ANSWER = 2**20


class HttpError(OSError):
    """What came back is not an HTTP/1 answer, or not all of one."""


class Connection:
    """Sends one request, then receives its answer; opens and reopens the socket as needed.

    Answers framed by Content-Length, chunks or the end of the connection are
    understood. Raises OSError for whatever keeps an answer from coming, within
    `timeout` seconds; the connection is of no use then until `close`.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._address = (host, port)
        self._timeout = timeout
        self._host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._received = b""
        self._deadline = 0.0
        self._begun = False

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send a request with a JSON body."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._open().sendall(head.encode() + body)

    def receive(self) -> tuple[int, bytes]:
        """Status and body of the answer to the request sent last."""
        self._deadline, self._begun = monotonic() + self._timeout, False
        first, *lines = self._until(b"\r\n\r\n").split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise HttpError(f"the answer starts with {first[:80]!r}, which is not HTTP/1")
        status = int(rest[:3])
        headers = {
            name.lower(): value.strip().lower()
            for name, _, value in (line.partition(b":") for line in lines)
        }
        unsaid = b"close" if version == b"HTTP/1.0" else b"keep-alive"
        closing = headers.get(b"connection", unsaid) != b"keep-alive"
        try:
            if status < 200 or status in (204, 304):
                body = b""
            elif b"transfer-encoding" in headers:
                body = self._chunks()
            elif b"content-length" in headers:
                body = self._exactly(int(headers[b"content-length"]))
            else:
                body, closing = self._rest(), True
        except ValueError as error:
            raise HttpError(f"the answer has no length that makes sense: {error}") from error
        if closing:
            self.close()
        return status, body

    def close(self) -> None:
        """Close the socket, if open; the next request opens another."""
        if self._socket is not None:
            self._poll.unregister(self._socket)
            self._socket.close()
        self._socket, self._received = None, b""

    def _open(self) -> socket.socket:
        # A socket with something to read before anything was asked has been
        # closed by the other side, which it may do with an idle one.
        if self._socket is not None and self._poll.poll(0):
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(self._socket, select.POLLIN)
        return self._socket

    def _until(self, mark: bytes) -> bytes:
        """What stands before the mark; both are consumed."""
        while (at := self._received.find(mark)) < 0:
            if not self._more():
                raise HttpError("the connection was closed before the answer was complete")
        found, self._received = self._received[:at], self._received[at + len(mark) :]
        return found

    def _exactly(self, n: int) -> bytes:
        if n < 0:
            raise ValueError(f"{n} bytes")
        while len(self._received) < n:
            if not self._more():
                raise HttpError("the connection was closed before the answer was complete")
        found, self._received = self._received[:n], self._received[n:]
        return found

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n").partition(b";")[0], 16):
            body += self._exactly(size)
            self._exactly(2)
        while self._until(b"\r\n"):
            pass  # trailers
        return body

    def _rest(self) -> bytes:
        while self._more():
            pass
        return self._received

    def _more(self) -> bool:
        """Receive some more; False at the end of the connection."""
        assert self._socket is not None, "receive comes after send"
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError(f"not within {self._timeout:g} s")
        self._socket.settimeout(left)
        if self._begun and sys.platform == "linux":
            # Many servers send head and body apart, the body once the head is
            # acknowledged, which the kernel would put off by 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            some = self._socket.recv(65536)
        except TimeoutError:
            raise TimeoutError(f"not within {self._timeout:g} s") from None
        self._begun = True
        self._received += some
        if len(self._received) > _LARGEST_ANSWER:
            raise HttpError(f"the answer is longer than {_LARGEST_ANSWER:,} bytes")
        return bool(some)
