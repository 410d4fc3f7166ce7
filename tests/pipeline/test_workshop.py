"""The workshop from CSV files to its page, on the servers that packages bring."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

# The quicker form is the lesson of homework/, which tests/homework runs.
pytestmark = [pytest.mark.integration, pytest.mark.nightly]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as MovieLens has them: 40 users, 25 films."""
    place = tmp_path_factory.mktemp("data")
    rated = [
        f"{user},{film},{1 + (user * 7 + film * 3) % 9 / 2},{10**9 + user}"
        for user in range(1, 41)
        for film in range(1, 26)
        if (user * 7 + film * 11 + user * film) % 5 < 3
    ]
    films = [f"{film},Film {film} ({1970 + film}),Drama|War" for film in range(1, 26)]
    links = [f"{film},{1000 + film},{film}" for film in range(1, 26)]
    for name, header, rows in (
        ("ratings", "userId,movieId,rating,timestamp", rated),
        ("movies", "movieId,title,genres", films),
        ("links", "movieId,imdbId,tmdbId", links),
    ):
        (place / f"{name}.csv").write_text("\n".join([header, *rows]) + "\n")
    return place


@pytest.fixture(scope="module")
def running(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of the page, and the folder of the output."""
    out = tmp_path_factory.mktemp("out")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "pipeline.workshop", "--data", data, "--out", out]
    words += ["--port", port, "--factors", 4, "--precompute", 5]
    with (out / "printed.txt").open("wb") as printed:
        workshop = subprocess.Popen(list(map(str, words)), stdout=printed, stderr=printed)
    deadline = time.monotonic() + 300
    while f"on http://127.0.0.1:{port}" not in (out / "printed.txt").read_text():
        assert workshop.poll() is None, (out / "printed.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield port, out
    workshop.send_signal(signal.SIGTERM)
    assert workshop.wait(timeout=60) == 0
    for name in ("postgres", "mongo", "redis"):
        (port,) = re.findall(rf"{name}\w*://[^ ]*127.0.0.1:(\d+)", _commands(out))[:1]
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def _commands(out: Path) -> str:
    return (out / "printed.txt").read_text()


def test_the_page_has_titles_years_genres_and_reasons(running: tuple[int, Path]) -> None:
    port, out = running
    url = f"http://127.0.0.1:{port}/recs?user_id=10&top=5"
    asked = urllib.request.Request(url, headers={"Accept": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        found = json.loads(answer.read())
    assert found["cold"] is False
    assert len(found["recommendations"]) == 5
    for item in found["recommendations"]:
        assert item["title"] == f"Film {item['item']}"
        assert item["year"] == 1970 + int(item["item"])
        assert item["genres"] == ["Drama", "War"]
    assert found["liked"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert "because of" in answer.read().decode()
    printed = _commands(out)
    for told in ("users with 200 rows or fewer", "-> mongodb://", "-> redis://", "5 items ranked"):
        assert told in printed


def test_each_store_has_what_the_workshop_says(running: tuple[int, Path]) -> None:
    import psycopg
    from pymongo import MongoClient
    from redis import Redis

    printed = _commands(running[1])
    postgres = re.findall(r"--to (\S+)", printed)[0]
    mongo, redis = re.findall(r"--users (\S+) --items (\S+)", printed)[0]
    with psycopg.connect(postgres) as base:
        (count,) = base.execute("SELECT count(*) FROM ratings").fetchone() or (0,)
    assert count == 480  # of the files, each once
    with MongoClient(mongo) as client:
        users = [name for name in client["recsys"].list_collection_names() if ".users." in name]
    assert len(users) == 1
    with Redis.from_url(redis) as items:
        assert any(b":items:" in key for key in items.keys())  # noqa: SIM118  # no dict
