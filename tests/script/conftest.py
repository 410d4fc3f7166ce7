"""A real one-node HDFS, and the data client run as people run it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HDFS_SH = ROOT.parent / "shared" / "hdfs" / "hdfs.sh"

Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Hdfs:
    """WebHDFS addresses of the two nodes."""

    url: str
    datanode: str


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return [bound.getsockname()[1] for bound in sockets]


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """One NameNode and one DataNode on ports of their own, stopped at the end."""
    if not HDFS_SH.is_file():
        pytest.skip(f"no one-node HDFS here: {HDFS_SH} is absent")
    if shutil.which("java") is None:
        pytest.skip("the one-node HDFS needs java")
    names = ("NN_RPC", "NN_HTTP", "DN_XFER", "DN_HTTP", "DN_IPC")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    base = tmp_path_factory.mktemp("hdfs")
    environment = os.environ | {name: str(port) for name, port in ports.items()}
    environment["HDFS_BASE"] = str(base)
    try:
        subprocess.run([HDFS_SH, "start"], env=environment, check=True, timeout=180)
        yield Hdfs(f"http://127.0.0.1:{ports['NN_HTTP']}", f"http://127.0.0.1:{ports['DN_HTTP']}")
    finally:
        subprocess.run([HDFS_SH, "stop"], env=environment, check=True, timeout=60)


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
