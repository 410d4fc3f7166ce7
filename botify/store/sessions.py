"""Sessions in Redis: one server-side script per request decides and remembers."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from botify.errors import InputError
from botify.store.candidates import Step, from_catalog

VERSIONS = "botify:lists"
"""Hash of list name -> version served; VERSIONS:name:version is the list itself."""

_TIMEOUT = 5.0
_AGAIN = 4
"""A timeout is followed by a second look, of this part of it."""
_FULL = "OOM command not allowed"
_NOBODY = -1
"""The user of probes; those of requests are not negative."""


Kind = Literal["timeout", "connection", "refused", "full"]


class StoreError(RuntimeError):
    """Redis cannot be reached, is too slow, refused a command, or has no memory left for it."""

    def __init__(self, message: str, kind: Kind) -> None:
        """`kind`: which of these. "refused" and "full" come from a Redis that does answer."""
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Offer:
    """What was decided for one `next`."""

    session: str | None
    """None where nothing is known of sessions."""
    timestamp: int
    """Milliseconds since the epoch, strictly increasing per user."""
    track: int
    recommender: str
    """Name of the recommender that really answered."""
    rank: int | None
    """Place in its list, from 0."""
    propensity: float
    """Probability of this track, given that recommender and what was seen."""
    model_version: str | None
    """Version of the list that the first step of the plan reads."""


class Opened(NamedTuple):
    """What is known of a session when it asks for its next track."""

    session: str
    timestamp: int
    """As of an Offer."""
    seen: bytes
    """Packed tracks that it played or was offered."""
    plays: bytes
    """Its plays in order: track (uint32) and share heard (float32), little-endian."""
    ahead: int
    """Requests of it that are being answered at the same time and came before."""
    random: tuple[float, float]
    """Two uniform draws from [0, 1)."""


Randomness = tuple[float, float] | tuple[Literal["seed"], int]
"""Two uniform draws from [0, 1), or "seed" and a seed for draws that depend on it, the user and
the user's number of answers alone: the same requests then get the same answers."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """The end of a session."""

    session: str | None
    timestamp: int


def connect(url: str, timeout: float = _TIMEOUT) -> "redis.Redis":
    """A client of the Redis at the URL (redis://, rediss://, unix://); connects on first use.

    `timeout` in seconds, for connecting and for each answer. Raises InputError for a bad URL.
    """
    try:
        client = _client(url, timeout)
        # What the URL sets is only looked at when a connection is made.
        pool: Any = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)
        return client
    except (ValueError, TypeError) as error:
        # The URL stays out of the message: it may hold a password.
        raise InputError(
            f"REDIS_URL, or redis_url in the config, is no URL of a Redis: {error}"
        ) from error


def _client(url: str, timeout: float) -> "redis.Redis":
    # A pooled connection may have been closed since its last use: one immediate retry. Not after
    # a timeout, which would take twice as long as was asked for.
    client: redis.Redis = redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
    return client


def script(name: str) -> str:
    """The text of one of the server-side scripts beside this file."""
    return (files("botify.store") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn a failure of Redis into a StoreError of one line."""
    try:
        yield
    except redis.RedisError as error:
        raise _store_error(error) from error


def _store_error(error: "redis.RedisError") -> StoreError:
    message = f"Redis: {' '.join(str(error).split())}"
    if isinstance(error, redis.TimeoutError):
        return StoreError(message, "timeout")
    if isinstance(error, redis.ConnectionError):
        return StoreError(message, "connection")
    # Old servers wrap what a script ran into in an error of another kind.
    full = isinstance(error, redis.exceptions.OutOfMemoryError) or _FULL in message
    return StoreError(message, "full" if full else "refused")


class Store:
    """The sessions of all users; holds no state of its own, so any worker serves any user."""

    def __init__(self, client: "redis.Redis", session_ttl: int, n_tracks: int) -> None:
        """`session_ttl` in seconds: how long a silent user is remembered."""
        self._connections = connections = _Connections(client)
        self._next = _Script(connections, script("next"))
        self._last = _Script(connections, script("last"))
        self._open = _Script(connections, script("open_session"))
        self._offered = _Script(connections, script("mark_offered"))
        self._note = _Script(connections, script("record_fallback"))
        self._session_ttl = session_ttl
        self._n_tracks = n_tracks

    def next(
        self,
        user: int,
        played: int,
        plan: Sequence[Step],
        random: Randomness,
        exclude: bytes = b"",
    ) -> Offer:
        """Mark `played` seen, let the plan's first step that can answer, mark its track seen.

        The last step must be a `from_catalog`. `exclude` are packed tracks that no step may
        offer, unless they are the whole catalog. Raises StoreError.
        """
        digits = str(user)
        arguments: list[Any] = [digits, played, self._session_ttl, self._n_tracks, *random]
        arguments += exclude, time.time_ns() // 1_000_000
        for step in plan:
            arguments += step[1:]
        session, timestamp, number, track, rank, drawn_from, version = self._next(
            (_session_key(digits), VERSIONS), arguments
        )
        return Offer(
            session=session.decode(),
            timestamp=timestamp,
            track=track,
            recommender=plan[number - 1].answers_as,
            rank=rank if rank >= 0 else None,
            propensity=1 / drawn_from,
            model_version=version.decode() or None,
        )

    def open(self, user: int, played: int, time_heard: float, random: Randomness) -> Opened:
        """Note a play; what is known of its session, for who decides outside. Raises StoreError.

        `offered` must follow, with the track decided on.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000
        arguments = (digits, played, time_heard, self._session_ttl, *random, now)
        session, timestamp, seen, plays, ahead, first, second = self._open(
            (_session_key(digits),), arguments
        )
        draws = float(first), float(second)
        return Opened(session.decode(), timestamp, seen, plays, ahead, draws)

    def offered(self, user: int, session: str, track: int) -> None:
        """Mark a track seen without waiting for the answer: no round trip.

        Redis runs it before whatever this thread asks next, and before the user, who has no
        answer yet, can ask anything. Where that fails, the next request finds out.
        """
        self._offered.tell((_session_key(str(user)),), (session, track))

    def last(self, user: int, late: int | None = None) -> Farewell:
        """Forget the user's session. Raises StoreError.

        `late` is given where this could not be said in time: when it should have been, in ms
        since the epoch, by this host's clock. A session that was asked for a track after that is
        another one, and is left alone.
        """
        digits = str(user)
        now = time.time_ns() // 1_000_000 if late is None else late
        session, timestamp = self._last(
            (_session_key(digits),),
            (digits, self._session_ttl, now, "" if late is None else "late"),
        )
        return Farewell(session=session.decode(), timestamp=timestamp)

    def note(self, user: int, answers: bytes) -> None:
        """Have the user's session know what it was answered without Redis. Raises StoreError.

        `answers` as Fallback packs them. What was answered before the latest `last` that Redis
        knows of is left out.
        """
        self._note(*self._of_note(user, answers))

    def note_behind(self, user: int, answers: bytes) -> None:
        """The same after a request of this thread that timed out: no round trip.

        Redis runs it right after that request, when it comes to it, and so before the user's next
        one. Nothing where the request never left; where this fails, `note` has to follow.
        """
        if self._connections.mine().late:
            self._note.tell(*self._of_note(user, answers))

    def _of_note(self, user: int, answers: bytes) -> tuple[Sequence[str], Sequence[Any]]:
        digits = str(user)
        return (_session_key(digits),), (digits, self._session_ttl, answers)

    def probe(self) -> None:
        """See that sessions can be kept, by what requests do. Raises StoreError."""
        self.next(_NOBODY, 0, (from_catalog(""),), (0.0, 0.0))
        self.last(_NOBODY)


class _Line:
    """A connection that can be asked, or told something whose answer is read later."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._unread = 0
        """Answers that are still to come."""
        self.late = False
        """Whether one of them was waited for in vain."""

    def ask(self, *command: Any) -> Any:
        """The answer; raises RedisError. After a TimeoutError Redis may still run the command."""
        if self.late:
            self._renew()
        self._send(command)
        while self._unread > 1:
            with suppress(redis.ResponseError):  # a track is offered twice, at worst
                self._read()
        return self._read()

    def tell(self, *command: Any) -> None:
        """Send it; nobody learns what comes of it, and a lost connection fails what is asked."""
        with suppress(redis.RedisError):
            self._send(command)

    def _send(self, command: Sequence[Any]) -> None:
        try:
            self._connection.send_command(*command)
        except BaseException:
            self._close()
            raise
        self._unread += 1

    def _read(self) -> Any:
        """The next answer that is to come."""
        read = self._connection.read_response
        try:
            try:
                answer = read(disconnect_on_error=False)
            except redis.TimeoutError:
                # The whole machine may have stood still, Redis as well as this process: then it
                # is only now that Redis can answer.
                again = self._connection.socket_timeout / _AGAIN
                answer = read(disconnect_on_error=False, timeout=again)
        except redis.ResponseError:
            self._unread -= 1
            raise
        except redis.TimeoutError:
            self.late = True
            raise
        except BaseException:
            self._close()
            raise
        self._unread -= 1
        return answer

    def _renew(self) -> None:
        """Go on where the late answers have come, and else with a new connection: a network that
        was away may take minutes to bring them."""
        ready = False
        with suppress(redis.RedisError):
            ready = self._connection.can_read(0)
        if not ready:
            self._close()
        self.late = False

    def _close(self) -> None:
        """So that no late answer meets a later question."""
        self._connection.disconnect()
        self._unread = 0
        self.late = False


class _Connections:
    """A line for each thread, closed when the thread is gone.

    Made beside the client's pool, which counts what it made and stops at a hundred: a server's
    threads come and go.
    """

    def __init__(self, client: "redis.Redis") -> None:
        pool: Any = client.connection_pool
        self._make = pool.connection_class
        self._settings = pool.connection_kwargs
        self._mine = threading.local()

    def mine(self) -> _Line:
        """That of the calling thread."""
        try:
            line: _Line = self._mine.line
        except AttributeError:
            line = self._mine.line = _Line(self._make(**self._settings))
        return line


class _Script:
    """A server-side script, called over the thread's own connection.

    Half the cost of `redis.client.Script`, which takes a connection from the pool, wraps the call
    for retries and looks up how to parse the answer each time: this runs once per request.
    """

    def __init__(self, connections: _Connections, text: str) -> None:
        self._connections = connections
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        command = ("EVALSHA", self._sha, len(keys), *keys, *arguments)
        line = self._connections.mine()
        try:
            # A connection may have been closed since its last use, and the server behind the new
            # one may not know the script yet. A second try is harmless: at worst one more track
            # counts as seen. A timeout is final: trying again would take as long again.
            for _ in range(2):
                try:
                    return line.ask(*command)
                except redis.ConnectionError:
                    continue
                except redis.exceptions.NoScriptError:
                    line.ask("SCRIPT", "LOAD", self._text)
            return line.ask(*command)
        except redis.RedisError as error:
            raise _store_error(error) from error

    def tell(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        """Have it run, without waiting for that."""
        # By its text: nobody is there to load it where the server does not know it yet.
        self._connections.mine().tell("EVAL", self._text, len(keys), *keys, *arguments)


def _session_key(user: str) -> str:
    return f"botify:session:{user}"
