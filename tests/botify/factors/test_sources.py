"""Stores that are away, silent or damaged: an error within the time that was given."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from botify.errors import InputError
from botify.factors import SourceError, open_reader
from botify.factors.reader import open_source
from botify.factors.snapshot import load_snapshot
from contract.factor_stores import USERS, parse_store
from offline.factors.file_store import FileStore
from offline.factors.publication import publication_of
from offline.factors.publish import publish

from ...factor_stores import small_model

SERVERS = ("redis://{}/0", "mongodb://{}/x", "postgresql://u@{}/x")


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """Where no server is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.integration
@pytest.mark.parametrize("url", SERVERS)
def test_a_server_that_is_silent_is_not_waited_for(url: str, silent: str) -> None:
    check_fails(url.format(silent))


@pytest.mark.parametrize("url", SERVERS)
def test_no_server(url: str, nobody: str) -> None:
    check_fails(url.format(nobody))


def check_fails(url: str) -> None:
    source = open_source(url, timeout=0.3)
    try:
        with pytest.raises(SourceError, match=r"127\.0\.0\.1"):
            source.active()
    finally:
        source.close()


@pytest.mark.parametrize(
    "url", ["redis://h:port/0", "mongodb://h:port/x", "mysql://h", "redis://:secret@h:port/0"]
)
def test_a_url_of_no_store(url: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_source(url).active()
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "package"),
    [("redis://h", "redis"), ("mongodb://h", "pymongo"), ("postgresql://h", "psycopg")],
)
def test_a_driver_that_is_not_installed(
    url: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules, package]:
        if name.partition(".")[0] == package or name.startswith("botify.factors."):
            monkeypatch.setitem(sys.modules, name, None)  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, f"botify.factors.{package}_source", raising=False)
    kept = {"redis": "redis_source", "pymongo": "mongo_source", "psycopg": "postgres_source"}
    monkeypatch.delitem(sys.modules, f"botify.factors.{kept[package]}", raising=False)
    with pytest.raises(InputError, match=rf"needs the package {package}.*botify\[stores\]"):
        open_source(url)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A directory with a publication."""
    store = FileStore(parse_store(f"file:{tmp_path}"))
    publish(publication_of(small_model()), store, store, now=lambda: 0)
    return tmp_path


def refreshed(directory: Path) -> None:
    reader = open_reader(f"file:{directory}", f"file:{directory}")
    try:
        reader.refresh()
    finally:
        reader.close()


def test_the_drivers_of_other_stores_are_not_imported(published: Path) -> None:
    code = (
        "import sys; from botify.factors import open_reader; "
        f"r = open_reader('file:{published}', 'file:{published}'); r.refresh(); "
        "print(sorted({'pymongo', 'psycopg', 'lz4', 'redis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["vectors-0", "items-0", "manifest.json"])
def test_a_damaged_file_is_refused(published: Path, name: str) -> None:
    refreshed(published)
    (path,) = published.glob(f"items/*/{name}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="publish it again"):
        refreshed(published)


def test_a_manifest_of_another_version_is_refused(published: Path) -> None:
    (path,) = published.glob("items/*")
    other = path.with_name("0" * 16)
    path.rename(other)
    source = open_source(f"file:{published}")
    with pytest.raises(SourceError, match="it says that it is"):
        load_snapshot(source, other.name)


def test_a_damaged_name_of_the_active_version(published: Path) -> None:
    (published / "active.json").write_text("{}")
    with pytest.raises(SourceError, match="active version"):
        refreshed(published)


def test_users_of_the_version_are_not_there(published: Path) -> None:
    (path,) = published.glob(f"{USERS}/*")
    path.unlink()
    with pytest.raises(SourceError, match="no users of version"):
        refreshed(published)


def test_threads_read_one_directory(published: Path) -> None:
    reader = open_reader(f"file:{published}", f"file:{published}")
    reader.refresh()
    snapshot = reader.current
    assert snapshot is not None
    found: list[object] = []

    def read() -> None:
        found.append(reader.user(snapshot, "3"))
        reader.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert None not in found
