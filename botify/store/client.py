"""The connection to Redis: a client, server-side scripts, and what can go wrong."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from botify.errors import InputError

_TIMEOUT = 5.0
_AGAIN = 4
"""A timeout is followed by a second look, of this part of it."""
_FULL = "OOM command not allowed"


Kind = Literal["timeout", "connection", "refused", "full"]


class StoreError(RuntimeError):
    """Redis cannot be reached, is too slow, refused a command, or has no memory left for it."""

    def __init__(self, message: str, kind: Kind) -> None:
        """`kind`: which of these. "refused" and "full" come from a Redis that does answer."""
        super().__init__(message)
        self.kind = kind


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


class Connections:
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


class Script:
    """A server-side script, called over the thread's own connection.

    Half the cost of `redis.client.Script`, which takes a connection from the pool, wraps the call
    for retries and looks up how to parse the answer each time: this runs once per request.
    """

    def __init__(self, connections: Connections, text: str) -> None:
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
