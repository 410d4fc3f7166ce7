"""A real Valkey and a small catalog."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from botify.catalog import Catalog
from botify.config import LogConfig
from botify.event_log.writer import EventLog
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey

from .logs import SMALL, Clock

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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., EventLog]]:
    """make(workers, options) opens a log in tmp_path/log; all are closed at the end.

    One clock tells the time and how much of it has passed, unless `elapsed` is given.
    """
    made: list[EventLog] = []

    def make(workers: int = 1, options: LogConfig = SMALL, **more: Any) -> EventLog:
        more = {"elapsed": clock} | more
        made.append(EventLog(tmp_path / "log", workers, options, clock, **more))
        return made[-1]

    yield make
    for log in made:
        log.close()


@pytest.fixture
def spill_places() -> Iterator[list[Path]]:
    """A place in memory for what waits, as this system has it."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no place in memory for files: what waits is in the process's memory alone")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield [Path(place)]
