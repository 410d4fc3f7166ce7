"""An HDFS of one node, for what reads from `hdfs://`."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hdfs import InsecureClient

HDFS_SH = Path(__file__).resolve().parents[3] / "shared" / "hdfs" / "hdfs.sh"
_PORTS = ("NN_RPC", "NN_HTTP", "DN_XFER", "DN_HTTP", "DN_IPC")


@contextmanager
def one_node_hdfs(base: Path) -> Iterator[tuple[str, InsecureClient]]:
    """Its `hdfs://` address and a client for it; it is stopped at the end."""
    if not HDFS_SH.is_file():
        pytest.skip(f"no one-node HDFS here: {HDFS_SH} is absent")
    if shutil.which("java") is None:
        pytest.skip("the one-node HDFS needs java")
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        ports = {name: str(s.getsockname()[1]) for name, s in zip(_PORTS, sockets, strict=True)}
    environment = os.environ | ports | {"HDFS_BASE": str(base)}
    try:
        subprocess.run([HDFS_SH, "start"], env=environment, check=True, timeout=180)
        client = InsecureClient(f"http://127.0.0.1:{ports['NN_HTTP']}", timeout=(10, 60))
        yield f"hdfs://127.0.0.1:{ports['NN_RPC']}", client
        client._session.close()
    finally:
        subprocess.run([HDFS_SH, "stop"], env=environment, check=True, timeout=60)
