"""A real HDFS that somebody works on, and what is said of it before anything is sent."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from hdfs import InsecureClient

pytestmark = pytest.mark.integration
Run = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[[], list[bytes]]
There = Callable[[str], list[bytes]]
DATACLIENT = Path(__file__).resolve().parents[4] / "script" / "dataclient.py"
LOGS = "/user/ann/logs"


class Hdfs(Protocol):
    """What the fixture `hdfs` gives."""

    url: str

    def admin(self, *arguments: str) -> None: ...


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    (directory / "data.json").write_bytes(b"".join(b'{"user": %d}\n' % i for i in range(50)))
    return directory


@pytest.fixture
def ship(run: Run, hdfs: Hdfs) -> Run:
    def ship(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        arguments = ("--user", "ann", "log2hdfs", "--url", hdfs.url, *options, "logs")
        return run(*arguments, **environment)

    return ship


def part(client: InsecureClient) -> str:
    [name] = [name for name in client.list(LOGS) if name.startswith("data.json.")]
    return str(name)


def delete(client: InsecureClient, path: str) -> None:
    client.delete(path)


def overwrite(client: InsecureClient, path: str) -> None:
    client.write(path, data=b"x" * client.status(path)["length"], overwrite=True)


def cut(client: InsecureClient, path: str) -> None:
    client.write(path, data=b"x", overwrite=True)


@pytest.mark.parametrize("harm", [delete, overwrite, cut])
def test_a_hole_is_named_not_marked_and_filled(
    ship: Run,
    client: InsecureClient,
    log: Path,
    here: Here,
    there: There,
    harm: Callable[[InsecureClient, str], None],
) -> None:
    assert ship("--mark-shipped").returncode == 0
    assert (log / ".data.json.shipped").exists()
    name = part(client)
    harm(client, f"{LOGS}/{name}")
    done = ship("--mark-shipped")
    assert (done.returncode, done.stdout) == (1, "")
    assert name in done.stderr.splitlines()[-1]
    assert not (log / ".data.json.shipped").exists()
    done = ship("--mark-shipped", "--resend")
    assert done.returncode == 0, done.stderr
    assert there(LOGS) == here()
    assert (log / ".data.json.shipped").exists()
    assert ship().stdout.startswith("Files shipped: 0 (already there: 1); ")


def test_a_part_that_was_touched_and_not_changed_is_there(
    ship: Run, client: InsecureClient, log: Path
) -> None:
    assert ship().returncode == 0
    client.set_times(f"{LOGS}/{part(client)}", modification_time=1_000)
    assert ship().returncode == 0


def test_the_record_is_removed(ship: Run, client: InsecureClient, log: Path, here: Here) -> None:
    assert ship().returncode == 0
    client.delete(f"{LOGS}/_manifest", recursive=True)
    done = ship()
    assert (done.returncode, part(client) in done.stderr) == (2, True)
    assert ship("--cleanup").returncode == 0
    assert ship().stdout.startswith("Files shipped: 0 (already there: 1); ")


def test_renamed_while_a_run_goes_on(
    hdfs: Hdfs, client: InsecureClient, log: Path, tmp_path: Path, here: Here, there: There
) -> None:
    command = [sys.executable, str(DATACLIENT), "--user", "ann", "log2hdfs", "--url", hdfs.url]
    command += ["--follow", "--every", "0.2", "--retry-for", "0", "--mark-shipped", "logs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline().startswith("Files shipped: 1 ")
        while not (log / ".data.json.shipped").exists():
            time.sleep(0.01)
        client.rename(LOGS, "/user/ann/away")
        _, errors = follower.communicate(timeout=60)
    assert follower.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "is missing" in last
    assert not (log / ".data.json.shipped").exists()
    assert there("/user/ann/away") == here()


def test_a_space_quota_is_told_as_such(
    ship: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.makedirs(LOGS)
    for limit, said in (("1m", "1048576 bytes, 0 in use, 134217728"), ("1", "1 bytes, 0 in use")):
        hdfs.admin("-setSpaceQuota", limit, LOGS)
        done = ship()
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert line.startswith(f"Error: the space quota of {LOGS} is exceeded: {said}")
        assert client.content(LOGS)["fileCount"] == 0


def test_a_quota_of_names_is_told_before_anything_is_sent(
    ship: Run, hdfs: Hdfs, client: InsecureClient, log: Path
) -> None:
    client.makedirs(LOGS)
    hdfs.admin("-setQuota", "2", LOGS)
    done = ship()
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"the name quota of {LOGS} is exceeded: 2 files and directories, 1 there" in line
    assert client.list(LOGS) == []


def test_names_that_hdfs_takes_are_found_again(
    run: Run, hdfs: Hdfs, client: InsecureClient, log: Path, here: Here, there: There
) -> None:
    for name in ("a b", "é", "a+b&c=d"):
        done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, f"{name}/logs")
        assert done.returncode == 0, done.stderr
        assert there(f"/user/ann/{name}/logs") == here()
    done = run("--user", "ann", "log2hdfs", "--url", hdfs.url, "a%41b")
    assert done.returncode == 2
    done = run("--user", "ann", "log2hdfs", "--url", f"{hdfs.url}/webhdfs/v1", "logs")
    assert done.returncode == 2
    assert set(client.list("/user/ann")) == {"a b", "a+b&c=d", "é"}
    assert "webhdfs" not in client.list("/")
