"""A real Valkey and a small catalog."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from botify.catalog import Catalog
from botify.embedded import EmbeddedValkey
from botify.store import connect

Lines = Callable[..., Path]


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with EmbeddedValkey() as server:
        yield server.url


@pytest.fixture
def client(valkey_url: str) -> Iterator["redis.Redis"]:
    with connect(valkey_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def catalog() -> Catalog:
    """Six tracks of artist A, two of B, two of C."""
    artists = [*"AAAAAA", *"BB", *"CC"]
    return Catalog(artists, [f"title {track}" for track in range(10)])


@pytest.fixture
def write_lines(tmp_path: Path) -> Lines:
    """write_lines(name, *rows) makes a JSON Lines file; rows that are str go in as they are."""

    def write(name: str, *rows: object) -> Path:
        path = tmp_path / name
        texts = (row if isinstance(row, str) else json.dumps(row) for row in rows)
        path.write_text("".join(f"{text}\n" for text in texts))
        return path

    return write
