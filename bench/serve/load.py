"""Whole sessions against a service at a constant rate, every answer counted."""

import random
import re
import socket
import time
from collections import deque
from selectors import EVENT_READ, DefaultSelector
from typing import NamedTuple

import orjson

_MEAN_LENGTH = 8.0
"""Calls of /next in a session, on average; a /last follows."""
_GONE_SECONDS = 1.0
"""Seconds without an accepted connection after which the service counts as gone."""
_RETRY_SECONDS = 0.02
_LONGEST_WAIT = 0.1
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Window(NamedTuple):
    """Times of the requests that were answered in a period, in seconds."""

    latencies: list[float]
    """From sending to the answer."""
    lags: list[float]
    """From when it was due to its sending: it waited for a free connection, or for the CPU."""


class _Session:
    """A user who plays every offered track; `left` calls of /next are still to come."""

    __slots__ = ("left", "time", "track", "user")

    def __init__(self, user: int, left: int, track: int) -> None:
        self.user, self.left, self.track, self.time = user, left, track, 1.0


class _Connection:
    """Kept alive, with at most one request under way: that of its session."""

    __slots__ = ("received", "sent", "session", "socket")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.received = b""
        self.session: _Session | None = None
        self.sent = 0.0


class Sessions:
    """Plays sessions over a few connections.

    Many sessions are open at once and take turns, so that a user's requests are seconds apart, as
    in practice. A user has one session at a time. Requests are due at even intervals; late ones
    are sent as soon as a connection is free, to keep the mean rate.
    """

    def __init__(
        self, port: int, users: int, tracks: int, connections: int, at_once: int, seed: int
    ) -> None:
        """`at_once`: open sessions, fewer than users. Raises OSError if nothing listens."""
        self._address = ("127.0.0.1", port)
        self._tracks = tracks
        self._rng = random.Random(seed)
        self._absent = deque(self._rng.sample(range(users), users))
        self._waiting = deque(self._begin() for _ in range(at_once))
        self._selector = DefaultSelector()
        self._connections = connections
        self._idle: deque[_Connection] = deque()  # in turns, so that all are in use
        self._open = 0
        self._connect()
        self._retry = self._accepted = time.perf_counter()
        self._due, self._interval = time.perf_counter(), 0.0
        self._window = Window([], [])
        self.answered = 0
        """Requests answered with 200."""
        self.refused: list[str] = []
        """Other answers."""
        self.unanswered = 0
        """Requests whose connection ended without an answer."""

    def pace(self, rate: float | None) -> None:
        """Requests a second from now on; None: as many as are answered."""
        self._due, self._interval = time.perf_counter(), 1 / rate if rate else 0.0

    def take(self) -> Window:
        """The requests answered since the last call."""
        taken, self._window = self._window, Window([], [])
        return taken

    def run(self, until: float) -> bool:
        """Play up to that perf_counter(); False if the service is gone."""
        while (now := time.perf_counter()) < until:
            if self._open < self._connections and now >= self._retry and not self._reconnect(now):
                return False
            while self._idle and self._due <= now:
                self._send(now)
            idle_until = self._due if self._idle else until
            self._receive(min(max(min(until, idle_until) - now, 0.0), _LONGEST_WAIT))
        return True

    def drain(self, timeout: float) -> None:
        """Send nothing more, and wait for the requests in flight."""
        deadline = time.perf_counter() + timeout
        while len(self._idle) < self._open and time.perf_counter() < deadline:
            self._receive(_LONGEST_WAIT)

    def close(self) -> None:
        """Close all connections."""
        for key in list(self._selector.get_map().values()):
            key.data.socket.close()
        self._selector.close()

    def _begin(self) -> _Session:
        left = 1 + int(self._rng.expovariate(1 / (_MEAN_LENGTH - 0.5)))
        return _Session(self._absent.popleft(), left, self._rng.randrange(self._tracks))

    def _send(self, now: float) -> None:
        connection, session = self._idle.popleft(), self._waiting.popleft()
        connection.session, connection.sent = session, now
        if self._interval:
            self._window.lags.append(now - self._due)
            self._due += self._interval
        route = b"next" if session.left else b"last"
        body = b'{"track": %d, "time": %.2f}' % (session.track, session.time)
        try:
            connection.socket.sendall(
                b"POST /%b/%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
                b"Content-Type: application/json\r\n\r\n%b"
                % (route, session.user, len(body), body)
            )
        except OSError:
            self._lose(connection)

    def _receive(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            connection: _Connection = key.data
            try:
                received = connection.socket.recv(65536)
            except OSError:
                received = b""
            if not received:
                self._lose(connection)
                continue
            connection.received += received
            head, found, body = connection.received.partition(b"\r\n\r\n")
            if found:
                length = _LENGTH.search(head + b"\r\n")
                if length is None:
                    raise RuntimeError(f"an answer without Content-Length: {head!r}")
                if len(body) >= int(length[1]):
                    self._hear(connection, head, body)

    def _hear(self, connection: _Connection, head: bytes, body: bytes) -> None:
        session = connection.session
        assert session is not None
        self._window.latencies.append(time.perf_counter() - connection.sent)
        connection.session, connection.received = None, b""
        self._idle.append(connection)
        if head[9:12] == b"200":
            self.answered += 1
        else:
            self.refused.append(f"{head[9:12].decode()} {body.decode(errors='replace')}")
        if head[9:12] == b"200" and session.left:
            session.left -= 1
            session.track = orjson.loads(body)["track"]
            session.time = self._rng.random()
            self._waiting.append(session)
        else:
            self._replace(session)

    def _lose(self, connection: _Connection) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._open -= 1
        if connection.session is None:
            self._idle.remove(connection)
        else:
            self.unanswered += 1
            self._replace(connection.session)

    def _replace(self, session: _Session) -> None:
        self._absent.append(session.user)
        self._waiting.append(self._begin())

    def _reconnect(self, now: float) -> bool:
        try:
            self._connect()
        except OSError:
            self._retry = now + _RETRY_SECONDS
            return now - self._accepted < _GONE_SECONDS
        self._accepted = now
        return True

    def _connect(self) -> None:
        while self._open < self._connections:
            opened = socket.create_connection(self._address, timeout=_GONE_SECONDS)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(opened)
            self._selector.register(opened, EVENT_READ, connection)
            self._idle.append(connection)
            self._open += 1
