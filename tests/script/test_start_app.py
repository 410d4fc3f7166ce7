"""`sh start_app.sh`: the shop and Prometheus as programs of this machine, each where it says."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as alone:
        port: int = alone.getsockname()[1]
        return port


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of what it needs of the repository, in a directory of its own."""
    for name in ("start_app.sh", "config"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def run(place: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    inherited = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return subprocess.run(
        ["sh", "start_app.sh", *words],
        cwd=place,
        env=inherited | {"SHOP_LOCAL": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_without_lists_it_says_how_to_make_some(place: Path) -> None:
    done = run(place)
    assert (done.returncode, "`make shop`" in done.stderr) == (2, True)
    assert (run(place, "up").returncode, (place / "out").exists()) == (2, False)


@pytest.mark.integration
@pytest.mark.skipif(not (ROOT / ".venv" / "bin" / "botify").exists(), reason="no .venv here")
def test_it_starts_the_shop_and_prometheus_and_stops_them(place: Path) -> None:
    lists = place / "lists"
    lists.mkdir()
    (lists / "items.json").write_text('{"item": "a"}\n{"item": "b"}\n')
    (lists / "popular.json").write_text(json.dumps({"items": ["a", "b"]}))
    (lists / "recommendations.json").write_text('{"user": "anna", "items": ["b"]}\n')
    (lists / "neighbours.json").write_text('{"item": "a", "items": ["b"]}\n')
    shop, prometheus = free_port(), free_port()
    places = {"SHOP_DATA": "lists", "SHOP_PORT": str(shop), "PROMETHEUS_PORT": str(prometheus)}
    try:
        done = run(place, **places)
        assert done.returncode == 0, done.stderr
        assert f"the owner's page: http://127.0.0.1:{shop}/shop" in done.stdout
        with urlopen(f"http://127.0.0.1:{shop}/recommendations?user_id=anna&k=1") as answer:
            assert json.loads(answer.read())["recs"] == ["b"]
        if shutil.which("prometheus"):
            assert f"prometheus: http://127.0.0.1:{prometheus}" in done.stdout
        again = run(place, **places)
        assert (again.returncode, "runs already" in again.stderr) == (1, True)
    finally:
        assert run(place, "stop").returncode == 0
    assert not list((place / "out" / "app").glob("*.pid"))
