"""One kept-alive connection to a service; its calls never block."""

import os
import socket
import sys
from errno import EINPROGRESS
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Any, NamedTuple

from sim.errors import InputError
from sim.remote.http_parser import Reply, parse


class Address(NamedTuple):
    """An address to connect to, as getaddrinfo returns it."""

    family: int
    where: Any


class UnsentError(OSError):
    """The request was not sent, so the service cannot have handled it."""


class CutError(OSError):
    """The request was sent, but the connection ended before the answer was complete."""


def request(method: str, path: str, authority: str, body: str = "") -> bytes:
    """Head and JSON body as one message; `authority` is host and port, `body` is ASCII."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Connection:
    """Sends one request at a time and receives its answer; opens and reopens as needed.

    Registered with `selector` under `key`; call `receive` whenever the selector
    reports that the socket is ready. A connection that raised is closed, and
    opened again by the next `send`.
    """

    def __init__(self, address: Address, selector: BaseSelector, key: int) -> None:
        self._address = address
        self._selector = selector
        self._key = key
        self._socket: socket.socket | None = None
        self._unsent: bytes | None = None  # waits until connected
        self._awaiting = False
        self._received = b""

    @property
    def connecting(self) -> bool:
        """Whether a request waits for the socket to connect."""
        return self._unsent is not None

    def send(self, request: bytes) -> None:
        """Send the request now, or once connected.

        Raises UnsentError; CutError; InputError if this machine has no more sockets.
        """
        if self._socket is not None and self._has_unexpected_input(self._socket):
            self.close()
        if self._socket is None:
            self._open()
            self._unsent = request
        else:
            self._transmit(self._socket, request)

    def receive(self) -> Reply | None:
        """Read from the ready socket; None while the answer is not complete.

        Raises UnsentError; CutError or another OSError if no answer can come any more;
        NotHttpError.
        """
        if self._socket is None:
            return None
        if self._unsent is not None:
            self._connected(self._socket, self._unsent)
            return None
        if not self._awaiting:  # the service has closed an idle connection
            self.close()
            return None
        try:
            reply = self._read(self._socket)
        except BlockingIOError:
            return None
        except (OSError, ValueError):
            self.close()
            raise
        if reply is not None:
            self._awaiting, self._received = False, b""
            if reply.closing:
                self.close()
        return reply

    def close(self) -> None:
        """Close the socket, if open."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
        self._socket, self._unsent, self._awaiting, self._received = None, None, False, b""

    def _open(self) -> None:
        family, where = self._address
        try:
            opened = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise InputError(f"no more connections ({error.strerror}): use fewer") from error
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error_number = opened.connect_ex(where)
        if error_number not in (0, EINPROGRESS):
            opened.close()
            raise UnsentError(error_number, os.strerror(error_number))
        self._socket = opened
        self._selector.register(opened, EVENT_WRITE, self._key)

    def _connected(self, opened: socket.socket, request: bytes) -> None:
        if error_number := opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
            raise UnsentError(error_number, os.strerror(error_number))
        self._selector.modify(opened, EVENT_READ, self._key)
        self._unsent = None
        self._transmit(opened, request)

    def _transmit(self, opened: socket.socket, request: bytes) -> None:
        try:
            sent = opened.send(request)  # in one packet
        except OSError as error:
            self.close()
            raise UnsentError(*error.args) from error
        if sent < len(request):
            self.close()
            raise CutError("only a part of the request could be sent")
        self._awaiting = True

    def _read(self, opened: socket.socket) -> Reply | None:
        data = opened.recv(65536)
        self._received += data
        reply = parse(self._received, ended=not data)
        if reply is None and not data:
            raise CutError("the connection was closed before the answer was complete")
        if reply is None and sys.platform == "linux":
            # Some servers send the body only after the head was acknowledged, which
            # the kernel would delay by 40 ms.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return reply

    @staticmethod
    def _has_unexpected_input(opened: socket.socket) -> bool:
        """Whether there is something to read before a request was sent: mostly, the end."""
        try:
            opened.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True
