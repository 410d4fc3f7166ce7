"""Shipping to a real HDFS: what is there afterwards, and what is left when something breaks."""

import http.client
import http.server
import socketserver
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hdfs import InsecureClient

pytestmark = pytest.mark.integration
Run = Callable[..., subprocess.CompletedProcess[str]]


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str
    datanode: str


@pytest.fixture
def client(hdfs: Hdfs) -> Iterator[InsecureClient]:
    """Another program's view of the same HDFS, whose /user/ann is empty."""
    client = InsecureClient(hdfs.url, user="ann", timeout=(10, 60))
    yield client
    client.delete("/user/ann", recursive=True)
    client._session.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two logs of the default log directory; the second is larger than a chunk."""
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(b'{"user": 1}\n{"user": 2}\n{"us')
    rotated = b"".join(b'{"user": %d, "title": "\xc3\xa9"}\n' % user for user in range(100_000))
    (directory / "data.json.1").write_bytes(rotated)
    return directory


def contents(client: InsecureClient, directory: str) -> dict[str, bytes]:
    found = {}
    for name in client.list(directory):
        with client.read(f"{directory}/{name}") as reader:
            found[name] = reader.read()
    return found


def whole_lines(log: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()[: path.read_bytes().rfind(b"\n") + 1]
        for path in log.iterdir()
    }


def test_the_command_of_the_protocol(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    done = run("--user", "ann", "log2hdfs", "--cleanup", "my_remote_dir", HDFS_URL=hdfs.url)
    assert done.returncode == 0, done.stderr
    assert contents(client, "/user/ann/my_remote_dir") == whole_lines(log)
    assert client.status("/user/ann/my_remote_dir/data.json")["owner"] == "ann"
    size = sum(map(len, whole_lines(log).values()))
    assert done.stdout.startswith(f"Files shipped: 2 (already there: 0); {size} bytes in ")
    assert done.stdout.endswith(f"to {hdfs.url} /user/ann/my_remote_dir\n")
    assert done.stderr == "Note: data.json: last line unfinished, 4 bytes stay behind\n"


def test_cleanup_replaces_everything_else(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs/data.json", data=b"other lines\n")
    client.write("/user/ann/logs/data.json.old", data=b"old\n")
    client.write("/user/ann/logs/below/part-0", data=b"old\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "--cleanup", "logs")
    assert done.returncode == 0, done.stderr
    assert contents(client, "/user/ann/logs") == whole_lines(log)


def test_without_cleanup_other_files_stay(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs/data.json.host-b", data=b"theirs\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 0, done.stderr
    expected = whole_lines(log) | {"data.json.host-b": b"theirs\n"}
    assert contents(client, "/user/ann/logs") == expected


def test_a_second_run_sends_only_what_changed(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    arguments = ("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert run(*arguments).returncode == 0
    with (log / "data.json").open("ab") as file:
        file.write(b'er": 3}\n')
    done = run(*arguments)
    assert done.stdout.startswith("Files shipped: 1 (already there: 1); 36 bytes in ")
    assert contents(client, "/user/ann/logs") == whole_lines(log)
    assert run(*arguments).stdout.startswith("Files shipped: 0 (already there: 2); 0 bytes in ")


def test_lines_that_only_hdfs_has_are_not_replaced(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs/data.json", data=b"shipped before a rotation\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 2
    assert "would lose them" in done.stderr
    assert contents(client, "/user/ann/logs") == {"data.json": b"shipped before a rotation\n"}


def test_an_upload_that_was_killed_does_not_disturb_the_next(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs/.data.json.part", data=b'{"use')
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 0, done.stderr
    assert contents(client, "/user/ann/logs") == whole_lines(log)


def test_the_default_alias_of_hdfscli(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, tmp_path: Path
) -> None:
    settings = tmp_path / ".hdfscli.cfg"
    settings.write_text(f"[global]\ndefault.alias = dev\n\n[dev.alias]\nurl = {hdfs.url}\n")
    done = run("--user", "ann", "log2hdfs", "logs")
    assert done.returncode == 0, done.stderr
    assert contents(client, "/user/ann/logs") == whole_lines(log)
    assert client.status("/user/ann/logs/data.json")["owner"] == "ann"


def test_a_file_where_the_directory_should_be(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs", data=b"a file\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: /user/ann/logs on {hdfs.url}: ")


@pytest.fixture
def nothing_listens() -> str:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        port = server.server_address[1]
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("cleanup", [[], ["--cleanup"]])
def test_an_hdfs_that_cannot_be_reached_is_named(
    run: Run, log: Path, nothing_listens: str, cleanup: list[str]
) -> None:
    done = run("--user", "ann", "log2hdfs", *cleanup, "--url", nothing_listens, "logs")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: /user/ann/logs")
    assert nothing_listens in last
    assert "Connection refused" in last
    assert "Traceback" not in done.stderr


class Meddler(http.server.BaseHTTPRequestHandler):
    """A proxy before both nodes that flips one bit of every upload on its way."""

    protocol_version = "HTTP/1.1"
    hdfs: Hdfs

    def forward(self) -> None:
        # Only what the NameNode redirects to the DataNode carries the NameNode's address.
        to_datanode = "namenoderpcaddress=" in self.path
        node = self.hdfs.datanode if to_datanode else self.hdfs.url
        body = self.chunked_body()
        if body:
            body = bytes([body[0] ^ 1]) + body[1:]
        upstream = http.client.HTTPConnection(urllib.parse.urlsplit(node).netloc, timeout=60)
        upstream.request(self.command, self.path, body)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        if location := answer.getheader("Location"):
            self.send_header(
                "Location", location.replace(self.hdfs.datanode, f"http://{self.headers['Host']}")
            )
        if kind := answer.getheader("Content-Type"):
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

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


@pytest.fixture
def meddling_url(hdfs: Hdfs) -> Iterator[str]:
    handler = type("MeddlerHere", (Meddler,), {"hdfs": hdfs})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_an_upload_that_arrives_changed_leaves_the_old_content(
    run: Run, client: InsecureClient, log: Path, meddling_url: str
) -> None:
    client.write("/user/ann/logs/data.json", data=b"old\n")
    client.write("/user/ann/logs/data.json.old", data=b"older\n")
    done = run("--user", "ann", "log2hdfs", "--url", meddling_url, "--cleanup", "logs")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: log/data.json: ")
    assert "something else than what was sent (24 bytes of 24, or other ones)" in last
    visible = {
        name: content
        for name, content in contents(client, "/user/ann/logs").items()
        if not name.startswith(".")
    }
    assert visible == {"data.json": b"old\n", "data.json.old": b"older\n"}
