"""The connection to Redis: clients, server-side scripts, errors."""

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
_SECOND_WAIT = 4
"""A timeout is followed by a second wait, shorter by this factor."""
_OUT_OF_MEMORY = "OOM command not allowed"


Kind = Literal["timeout", "connection", "refused", "full"]


class StoreError(RuntimeError):
    """Redis cannot be reached, timed out, refused a command, or has no memory left for it."""

    def __init__(self, message: str, kind: Kind) -> None:
        """`kind`: which of these. At "refused" and "full", Redis did answer."""
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


def script_text(name: str) -> str:
    """The text of a server-side script in lua/."""
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
    # Old servers wrap a script's error in one of another kind.
    full = isinstance(error, redis.exceptions.OutOfMemoryError) or _OUT_OF_MEMORY in message
    return StoreError(message, "full" if full else "refused")


class _Connection:
    """A connection whose replies may be read later than the next command is sent."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._unread = 0
        """Replies that are still to come."""
        self.timed_out = False
        """Whether one of them did not come in time."""

    def execute(self, *command: Any) -> Any:
        """The reply. Raises RedisError; after a TimeoutError Redis may still run the command."""
        if self.timed_out:
            self._recover()
        self._send(command)
        while self._unread > 1:
            with suppress(redis.ResponseError):  # at worst, a track is offered twice
                self._read()
        return self._read()

    def send(self, *command: Any) -> None:
        """Send it and do not wait. If the connection is lost, the next `execute` fails."""
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
        """The next reply."""
        read = self._connection.read_response
        try:
            try:
                answer = read(disconnect_on_error=False)
            except redis.TimeoutError:
                # The whole machine may have been suspended, Redis included: then Redis can only
                # answer now.
                again = self._connection.socket_timeout / _SECOND_WAIT
                answer = read(disconnect_on_error=False, timeout=again)
        except redis.ResponseError:
            self._unread -= 1
            raise
        except redis.TimeoutError:
            self.timed_out = True
            raise
        except BaseException:
            self._close()
            raise
        self._unread -= 1
        return answer

    def _recover(self) -> None:
        """Keep the connection if the late replies have come, else make a new one: after a network
        failure they may take minutes."""
        ready = False
        with suppress(redis.RedisError):
            ready = self._connection.can_read(0)
        if not ready:
            self._close()
        self.timed_out = False

    def _close(self) -> None:
        """Disconnect, so that a late reply is not taken for that of a later command."""
        self._connection.disconnect()
        self._unread = 0
        self.timed_out = False


class Connections:
    """A connection for each thread, closed when the thread ends.

    Not from the client's pool, which makes a hundred at most and counts those of ended threads:
    a server's threads come and go.
    """

    def __init__(self, client: "redis.Redis") -> None:
        pool: Any = client.connection_pool
        self._connection_class = pool.connection_class
        self._settings = pool.connection_kwargs
        self._local = threading.local()

    def of_thread(self) -> _Connection:
        """The connection of the calling thread."""
        try:
            connection: _Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = _Connection(
                self._connection_class(**self._settings)
            )
        return connection


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
        connection = self._connections.of_thread()
        try:
            # A connection may have been closed since its last use, and the server at the new one
            # may not have the script yet. A second try is harmless: at worst one more track
            # counts as seen. A timeout is final: another try would take as long again.
            for _ in range(2):
                try:
                    return connection.execute(*command)
                except redis.ConnectionError:
                    continue
                except redis.exceptions.NoScriptError:
                    connection.execute("SCRIPT", "LOAD", self._text)
            return connection.execute(*command)
        except redis.RedisError as error:
            raise _store_error(error) from error

    def send(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        """Have Redis run it, without waiting for the reply."""
        # By its text: if the server did not have it, no reply would be read that says so.
        self._connections.of_thread().send("EVAL", self._text, len(keys), *keys, *arguments)
