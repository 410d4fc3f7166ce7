"""A proxy stands between the client and a real HDFS, and it is not a good one."""

import http.client
import http.server
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest
from hdfs import InsecureClient

from script.shipping.ship import Shipper
from script.shipping.sources.directory import find_logs
from script.shipping.targets.hdfs import HdfsTarget, connect
from script.shipping.transfer import Options

pytestmark = pytest.mark.integration
Run = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[[], list[bytes]]
There = Callable[[str], list[bytes]]


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str
    datanode: str


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on to both nodes; a subclass spoils some."""

    protocol_version = "HTTP/1.1"
    hdfs: Hdfs
    lock = threading.Lock()
    spoiled = 0
    """Requests so far."""
    limit = 0
    """How many are to be spoiled."""

    def spoils(self) -> bool:
        """Whether this request is to be spoiled, which counts it."""
        with self.lock:
            type(self).spoiled += 1
            return self.spoiled <= self.limit

    def changed(self, body: bytes) -> bytes | None:
        """What to pass on of an upload; None: hang up."""
        return body

    def forward(self) -> None:
        # Only what the NameNode redirects to the DataNode carries the NameNode's address.
        to_datanode = "namenoderpcaddress=" in self.path
        node = self.hdfs.datanode if to_datanode else self.hdfs.url
        body: bytes | None = self.chunked_body()
        if body:
            body = self.changed(body)
        if body is None:
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection(urllib.parse.urlsplit(node).netloc, timeout=60)
        with closing(upstream):
            upstream.request(self.command, self.path, body)
            answer = upstream.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        if location := answer.getheader("Location"):
            ours = f"http://{self.headers['Host']}"
            self.send_header("Location", location.replace(self.hdfs.datanode, ours))
        if kind := answer.getheader("Content-Type"):
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = forward  # noqa: N815 (names that http.server looks for)

    def chunked_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class FlipsBit(Proxy):
    """One bit of an upload arrives changed."""

    def changed(self, body: bytes) -> bytes:
        return bytes([body[0] ^ 1]) + body[1:] if self.spoils() else body


class HangsUp(Proxy):
    """The connection breaks before an upload is answered."""

    def changed(self, body: bytes) -> bytes | None:
        return None if self.spoils() else body


class HangsUpAfter(Proxy):
    """The connection breaks when all is done, and before the answer."""

    def send_response(self, code: int, message: str | None = None) -> None:
        if self.command != "GET" and code < 300 and self.spoils():
            raise ConnectionAbortedError
        super().send_response(code, message)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionAbortedError:
            self.close_connection = True


class Answers500(Proxy):
    """The server has an error, and says so in HTML, as proxies do."""

    def forward(self) -> None:
        if not self.spoils():
            super().forward()
            return
        self.chunked_body()
        self.send_error(500, "the gateway is tired")

    do_GET = do_PUT = do_DELETE = forward  # noqa: N815


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(b'{"user": 1}\n{"user": 2}\n')
    return directory


@pytest.fixture
def through(hdfs: Hdfs) -> Iterator[Callable[[type[Proxy], int], str]]:
    """Start a proxy that spoils so many requests; its URL."""
    servers = []

    def start(kind: type[Proxy], limit: int) -> str:
        handler = type("Here", (kind,), {"hdfs": hdfs, "limit": limit})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("kind", [HangsUp, HangsUpAfter, Answers500])
def test_what_breaks_a_few_times_is_done_again(
    client: InsecureClient,
    log: Path,
    here: Here,
    there: There,
    through: Callable[[type[Proxy], int], str],
    kind: type[Proxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("script.shipping.retry._FIRST_DELAY", 0.01)
    target = HdfsTarget(connect(through(kind, 4), "ann"), "/user/ann/logs")
    for count in (2, 3):
        (log / "data.json").write_bytes(b"".join(b'{"user": %d}\n' % i for i in range(count)))
        Shipper(target, Options(retry_seconds=5)).ship(find_logs(log))
        assert there("/user/ann/logs") == here()


@pytest.mark.parametrize(
    ("kind", "where", "cause"),
    [
        (
            FlipsBit,
            "log/data.json: ",
            "holds other bytes than were sent (24 instead of 24 bytes, or a different checksum)",
        ),
        (HangsUp, "log/data.json: ", "closed connection"),
        (Answers500, "", "the gateway is tired"),  # before anything is sent
    ],
)
def test_what_stays_broken_is_named_and_replaces_nothing(
    run: Run,
    client: InsecureClient,
    log: Path,
    there: There,
    through: Callable[[type[Proxy], int], str],
    kind: type[Proxy],
    where: str,
    cause: str,
) -> None:
    client.write("/user/ann/logs/data.json", data=b"old\n")
    options = ("--url", through(kind, 1_000), "--retry-for", "0.1", "--cleanup")
    done = run("--user", "ann", "log2hdfs", *options, "logs")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"Error: {where}/user/ann/logs/_")
    assert cause in last
    assert there("/user/ann/logs") == [b"old\n"]
