"""A real one-node HDFS, and the data client run as people run it."""

import getpass
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hdfs import InsecureClient

from ..one_node_hdfs import HDFS_SH, check_there, one_node_hdfs

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Hdfs:
    """A NameNode and a DataNode, and their WebHDFS addresses. Permissions are on."""

    url: str
    datanode: str
    base: Path

    def admin(self, *arguments: str) -> None:
        """Run `hdfs dfsadmin ARGUMENTS...`."""
        command = self._command("nn")
        command[command.index(_NODES["nn"]) :] = [_ADMIN, *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    @contextmanager
    def without(self, node: Literal["nn", "dn"]) -> Iterator[None]:
        """Kill the NameNode or the DataNode, and start it again at the end."""
        command = self._command(node)
        pid_file = self.base / f"{node}.pid"
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        yield
        with (self.base / "log" / f"{node}.again.log").open("ab") as log:
            started = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        pid_file.write_text(f"{started.pid}\n")
        # It outlives this function: hdfs.sh stops it.
        started.returncode = 0

    def _command(self, node: str) -> list[str]:
        pid = (self.base / f"{node}.pid").read_text().strip()
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")


_NODES = {
    "nn": "org.apache.hadoop.hdfs.server.namenode.NameNode",
    "dn": "org.apache.hadoop.hdfs.server.datanode.DataNode",
}
_ADMIN = "org.apache.hadoop.hdfs.tools.DFSAdmin"


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """One NameNode and one DataNode, stopped at the end."""
    check_there()
    base = tmp_path_factory.mktemp("hdfs")
    with one_node_hdfs(base, _with_permissions(base)) as found:
        yield Hdfs(found.url, found.datanode, base)


def _with_permissions(base: Path) -> Path:
    """The script that starts HDFS, with the one setting turned that lets everybody write."""
    off, on = (
        f"<name>dfs.permissions.enabled</name><value>{value}</value>"
        for value in ("false", "true")
    )
    text = HDFS_SH.read_text()
    assert off in text
    script = base / "hdfs.sh"
    script.write_text(text.replace(off, on))
    script.chmod(0o755)
    (base / "lib").symlink_to(HDFS_SH.parent / "lib")
    return script


@pytest.fixture
def client(hdfs: Hdfs) -> Iterator[InsecureClient]:
    """Ann's view of the same HDFS with another program; her /user/ann is empty."""
    root = InsecureClient(hdfs.url, user=getpass.getuser(), timeout=(10, 60))
    root.delete("/user/ann", recursive=True)
    root.makedirs("/user/ann")
    root.set_owner("/user/ann", "ann")
    root._session.close()
    client = InsecureClient(hdfs.url, user="ann", timeout=(10, 60))
    yield client
    client._session.close()


@pytest.fixture
def there(client: InsecureClient) -> Callable[[str], list[bytes]]:
    """All lines that a reader finds in a directory of HDFS, sorted."""

    def there(directory: str) -> list[bytes]:
        lines: list[bytes] = []
        for name in client.list(directory):
            if not name.startswith(("_", ".")):
                with client.read(f"{directory}/{name}") as reader:
                    lines += reader.read().splitlines(keepends=True)
        return sorted(lines)

    return there


@pytest.fixture
def here(tmp_path: Path) -> Callable[[], list[bytes]]:
    """All whole lines of the logs in `log`, sorted."""

    def here() -> list[bytes]:
        lines: list[bytes] = []
        for path in (tmp_path / "log").glob("data.json*"):
            lines += path.read_bytes().splitlines(keepends=True)
        return sorted(line for line in lines if line.endswith(b"\n"))

    return here


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `python script/dataclient.py ARGUMENTS...` in `tmp_path`, with extra environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        ours = {"HDFS_URL", "HDFSCLI_CONFIG", "COMPOSE_PROJECT_NAME"}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        return subprocess.run(
            [sys.executable, str(ROOT / "script" / "dataclient.py"), *arguments],
            cwd=tmp_path,
            env=inherited | {"HOME": str(tmp_path)} | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
