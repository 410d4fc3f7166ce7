"""granian's private API, as this version has it.

A failure here after an upgrade of granian means: adapt botify/server/granian_adapter.py, the only
file that uses that API, and the pinned version in pyproject.toml.
"""

import http.client
import re
import socket
import threading
import time
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest

import botify
from botify.server.granian_adapter import RequestScheduler, Serving

PACKAGE = Path(botify.__file__).parent


def test_the_installed_version_is_the_pinned_one() -> None:
    pinned = next(line for line in requires("botify") or [] if line.startswith("granian"))
    assert "<2.9" in pinned
    assert version("granian").startswith("2.8."), (
        "botify uses private parts of granian 2.8: check granian_adapter.py before another version"
    )


def test_nothing_else_imports_granian() -> None:
    importing = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(from|import) granian", path.read_text(), re.MULTILINE)
    ]
    assert importing == ["server/granian_adapter.py"]


class Echo(RequestScheduler):
    """Answers with the thread's name, method and path, once the body is there."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, watcher: Any) -> None:
        scope, proto = watcher.scope, watcher.proto
        body = proto()
        body.add_done_callback(
            lambda done: proto.response_bytes(
                200, [], f"{scope.method} {scope.path} {done.result().decode()}".encode()
            )
        )


@pytest.mark.integration
def test_it_serves_on_our_socket_until_it_is_stopped() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=8)
    host, port = listening.getsockname()
    stopped = threading.Event()
    serving = Serving(
        Echo(),
        0,
        listening.detach(),
        stopped.set,
        threads=2,
        connections=8,
        backlog=8,
        idle_ms=1000,
    )
    serving.start()
    connection = http.client.HTTPConnection(host, port, timeout=10)
    for number in range(2):  # the connection is kept
        connection.request("POST", f"/next/{number}", b"body")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, f"POST /next/{number} body".encode())
    connection.close()
    time.sleep(0.5)  # it ignores a stop before this
    assert not stopped.is_set()
    serving.stop()
    assert stopped.wait(10)
