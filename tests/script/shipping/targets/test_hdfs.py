"""Shipping to a real HDFS: what is there afterwards, and what is left when something breaks."""

import gzip
import json
import socketserver
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq
import pytest
from hdfs import InsecureClient

pytestmark = pytest.mark.integration
Run = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[[], list[bytes]]
There = Callable[[str], list[bytes]]
DATACLIENT = Path(__file__).resolve().parents[4] / "script" / "dataclient.py"


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str
    datanode: str


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two logs of the default log directory; the second is larger than a chunk."""
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(b'{"user": 1}\n{"user": 2}\n{"us')
    rotated = b"".join(b'{"user": %d, "title": "\xc3\xa9"}\n' % user for user in range(100_000))
    (directory / "data.json.1").write_bytes(rotated)
    return directory


def test_the_command_of_the_protocol(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    done = run("--user", "ann", "log2hdfs", "--cleanup", "my_remote_dir", HDFS_URL=hdfs.url)
    assert done.returncode == 0, done.stderr
    assert there("/user/ann/my_remote_dir") == here()
    [part] = [name for name in client.list("/user/ann/my_remote_dir") if name[0] != "_"]
    assert part.startswith("data.json.")
    assert client.status(f"/user/ann/my_remote_dir/{part}")["owner"] == "ann"
    size = sum(map(len, here()))
    assert done.stdout.startswith(
        f"Files shipped: 2 (already there: 0); {size} bytes in 1 part in "
    )
    assert done.stdout.endswith(f"to {hdfs.url} /user/ann/my_remote_dir\n")
    assert (
        done.stderr
        == "Note: data.json: the last line is incomplete; its 4 bytes are not shipped yet\n"
    )


def test_cleanup_replaces_everything_else(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    client.write("/user/ann/logs/data.json", data=b"other lines\n")
    client.write("/user/ann/logs/data.json.old", data=b"old\n")
    client.write("/user/ann/logs/below/part-0", data=b"old\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "--cleanup", "logs")
    assert done.returncode == 0, done.stderr
    assert there("/user/ann/logs") == here()
    assert "below" not in client.list("/user/ann/logs")


def test_without_cleanup_other_files_stay(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    client.write("/user/ann/logs/data.json.host-b", data=b"theirs\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 0, done.stderr
    assert there("/user/ann/logs") == sorted([*here(), b"theirs\n"])


def test_a_second_run_sends_only_what_is_new(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    arguments = ("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert run(*arguments).returncode == 0
    before = client.list("/user/ann/logs", status=True)
    with (log / "data.json").open("ab") as file:
        file.write(b'er": 3}\n')
    done = run(*arguments)
    assert done.stdout.startswith("Files shipped: 1 (already there: 1); 12 bytes in 1 part in ")
    assert there("/user/ann/logs") == here()
    after = client.list("/user/ann/logs", status=True)
    assert next(some for some in before if some[0][0] != "_") in after  # not written again
    done = run(*arguments)
    assert done.stdout.startswith("Files shipped: 0 (already there: 2); 0 bytes in 0 parts in ")


def test_parts_with_every_option(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here
) -> None:
    options = ("--part-size", "500k", "--threads", "3", "--compress", "gzip", "--mark-shipped")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, *options, "logs")
    assert done.returncode == 0, done.stderr
    lines = []
    for name in client.list("/user/ann/logs"):
        if name[0] != "_":
            assert name.endswith(".gz")
            with client.read(f"/user/ann/logs/{name}") as reader:
                lines += gzip.decompress(reader.read()).splitlines(keepends=True)
    assert sorted(lines) == here()
    # The marker says up to where the service may think of a log as shipped.
    assert (log / ".data.json.shipped").read_text() == "24"


def test_parquet_by_date(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, tmp_path: Path
) -> None:
    day = 86_400_000
    events = [
        {"message": "next", "timestamp": at, "user": 7, "track": 3, "time": 0.25,
         "latency": 1e-4, "recommendation": 5, "experiments": {"DAY": "T1"}}
        for at in (5 * day, 5 * day + 1, 6 * day)
    ]  # fmt: skip
    text = "".join(json.dumps(event) + "\n" for event in events)
    (log / "data.json").write_text(text + '{"message": "of another service"}\n')
    (log / "data.json.1").unlink()
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "--format", "parquet", "logs")
    assert done.returncode == 0, done.stderr
    found = []
    for date in ("1970-01-06", "1970-01-07"):
        [name] = client.list(f"/user/ann/logs/dt={date}")
        local = tmp_path / name
        client.download(f"/user/ann/logs/dt={date}/{name}", str(local), overwrite=True)
        found += pq.read_table(local, partitioning=None).to_pylist()
    assert [row["timestamp"] for row in found] == [5 * day, 5 * day + 1, 6 * day]
    assert json.loads(found[0]["experiments"]) == {"DAY": "T1"}
    [rest] = [name for name in client.list("/user/ann/logs") if name.startswith("data.json")]
    with client.read(f"/user/ann/logs/{rest}") as reader:
        assert reader.read() == b'{"message": "of another service"}\n'


def test_the_name_of_a_log_that_no_record_knows(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, there: There
) -> None:
    client.write("/user/ann/logs/data.json", data=b"shipped before a rotation\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 2
    assert "no record says which of its lines are there" in done.stderr
    assert there("/user/ann/logs") == [b"shipped before a rotation\n"]


@pytest.mark.parametrize("chosen", [[], ["--alias", "prod"]])
def test_an_alias_of_hdfscli(
    run: Run, hdfs: Hdfs, log: Path, tmp_path: Path, here: Here, there: There, chosen: list[str]
) -> None:
    settings = tmp_path / ".hdfscli.cfg"
    alias = "prod" if chosen else "dev"
    # Two NameNodes, of which the first is down: the second is asked.
    url = f"http://127.0.0.1:9;{hdfs.url}"
    settings.write_text(f"[global]\ndefault.alias = dev\n\n[{alias}.alias]\nurl = {url}\n")
    done = run("--user", "ann", "log2hdfs", *chosen, "logs")
    assert done.returncode == 0, done.stderr
    assert there("/user/ann/logs") == here()


def test_a_file_where_the_directory_should_be(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.write("/user/ann/logs", data=b"a file\n")
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "logs")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: /user/ann/logs is a file; name a directory"


def test_following_ships_what_is_written_until_it_is_stopped(
    hdfs: Hdfs, client: InsecureClient, log: Path, tmp_path: Path, here: Here, there: There
) -> None:
    command = [sys.executable, str(DATACLIENT), "--user", "ann", "log2hdfs", "--url", hdfs.url]
    command += ["--follow", "--every", "0.2", "logs"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline().startswith("Files shipped: 2 ")
        (log / "data.json").rename(log / "data.json.2")
        with (log / "data.json.2").open("ab") as file:
            file.write(b'er": 3}\n')
        (log / "data.json").write_bytes(b'{"user": 4}\n')
        while there("/user/ann/logs") != here():
            assert follower.poll() is None
        follower.terminate()
    assert follower.returncode == 0


@pytest.fixture
def nothing_listens() -> str:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        port = server.server_address[1]
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("cleanup", [[], ["--cleanup"]])
def test_an_hdfs_that_cannot_be_reached_is_named(
    run: Run, log: Path, nothing_listens: str, cleanup: list[str]
) -> None:
    done = run(
        "--user",
        "ann",
        "log2hdfs",
        *cleanup,
        "--retry-for",
        "0.1",
        "--url",
        nothing_listens,
        "logs",
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "/user/ann/logs" in last
    assert nothing_listens in last
    assert "Connection refused" in last
    assert "Traceback" not in done.stderr
