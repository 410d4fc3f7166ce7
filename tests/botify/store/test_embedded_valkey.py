"""The private Valkey: reachable while wanted, gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import redis

from botify.errors import InputError
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey

pytestmark = pytest.mark.integration


def process_id(client: "redis.Redis") -> int:
    found: Any = client.info("server")
    return int(found["process_id"])


def test_it_is_gone_with_its_files_afterwards() -> None:
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        assert client.ping()
        address = Path(valkey.url.removeprefix("unix://"))
        assert address.is_socket()
        assert client.config_get("port") == {"port": "0"}
    assert not valkey.alive()
    assert not address.parent.exists()
    with connect(valkey.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_it_starts_under_a_temporary_directory_too_long_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        assert client.ping()
    assert list(deep.iterdir()) == []


@pytest.mark.parametrize("killed", [True, False])
def test_it_comes_back_empty_at_the_same_address(killed: bool) -> None:
    with EmbeddedValkey() as valkey, connect(valkey.url) as client:
        client.set("key", "value")
        before = process_id(client)
        if killed:
            os.kill(before, signal.SIGKILL)
            while valkey.alive():
                time.sleep(0.01)
        valkey.restart()
        assert valkey.alive()
        assert process_id(client) != before
        assert client.keys("*") == []


def test_what_keeps_it_from_starting_is_told_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho cannot run here\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("botify.store.embedded_valkey.get_binary_path", lambda: broken)
    root = tmp_path / "t"
    root.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(root))
    with pytest.raises(InputError, match=r"did not start \(cannot run here\); set REDIS_URL"):
        EmbeddedValkey().__enter__()
    assert list(root.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_it_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    program = """
        import os, signal
        from botify.store.embedded_valkey import EmbeddedValkey
        from botify.store.client import (connect)

        with EmbeddedValkey() as valkey, connect(valkey.url) as client:
            print(client.info("server")["process_id"], flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    server = Path("/proc") / done.stdout.decode().strip()
    deadline = time.monotonic() + 20
    while _runs(server):
        assert time.monotonic() < deadline, "Valkey outlived the process that started it"
        time.sleep(0.02)


def _runs(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
