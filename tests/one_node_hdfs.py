"""An HDFS of one node on ports of its own, for tests."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HDFS_SH = Path(__file__).resolve().parents[2] / "shared" / "hdfs" / "hdfs.sh"
_PORTS = ("NN_RPC", "NN_HTTP", "DN_XFER", "DN_HTTP", "DN_IPC")


@dataclass(frozen=True)
class Addresses:
    """Where the nodes answer: Hadoop's own protocol, and WebHDFS of either node."""

    rpc: str
    url: str
    datanode: str


@contextmanager
def one_node_hdfs(base: Path, script: Path = HDFS_SH) -> Iterator[Addresses]:
    """It keeps its files in `base`, and is stopped at the end; skips the test where none is."""
    check_there()
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        ports = {name: str(s.getsockname()[1]) for name, s in zip(_PORTS, sockets, strict=True)}
    environment = os.environ | ports | {"HDFS_BASE": str(base)}
    try:
        subprocess.run([script, "start"], env=environment, check=True, timeout=180)
        yield Addresses(
            f"hdfs://127.0.0.1:{ports['NN_RPC']}",
            f"http://127.0.0.1:{ports['NN_HTTP']}",
            f"http://127.0.0.1:{ports['DN_HTTP']}",
        )
    finally:
        subprocess.run([script, "stop"], env=environment, check=True, timeout=60)


def check_there() -> None:
    """Skip the test where HDFS cannot be started."""
    if not HDFS_SH.is_file():
        pytest.skip(f"no one-node HDFS here: {HDFS_SH} is absent")
    if shutil.which("java") is None:
        pytest.skip("the one-node HDFS needs java")
