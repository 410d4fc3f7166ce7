"""`botify serve --face ratings` as a process: the curl of the protocol, and what changes live."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..published import publish_to
from .conftest import BOTIFY, Connection, environment
from .test_openapi import attack

pytestmark = pytest.mark.integration

CONFIG = """\
face: ratings
watch_config: true
watch_settle: 0.5
recommenders:
  svd: {type: factors, store: "file:factors"}
  small: {type: factors, store: "file:small"}
experiments: {SVD_VS_SMALL: {treatments: {C: svd, T1: small}}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a config and two publications."""
    publish_to(tmp_path / "factors", factors=4)
    publish_to(tmp_path / "small", factors=2)
    (tmp_path / "ratings.yml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def serve(place: Path) -> Iterator[Callable[[], str]]:
    """serve(): its URL, once it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start() -> str:
        command = [BOTIFY, "serve", "--config", "ratings.yml", "--data-dir", ".", "--port", "0"]
        process = subprocess.Popen(
            command, cwd=place, env=environment(), stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        return found[0]

    yield start
    for process in started:
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        process.stdout.close()


def lines(place: Path) -> list[dict[str, Any]]:
    files = (place / "log-ratings").glob("data.json*")
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_the_curl_of_the_protocol(serve: Callable[[], str], place: Path) -> None:
    url = serve()
    command = ["curl", "-s", f"{url}/reco", "-d", "UsrID=40", "-d", "n_recos=5", "-X", "GET"]
    done = subprocess.run(command, capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert {"labels", "ratings", "items", "user", "model_version"} == set(answer)
    assert len(answer["labels"]) == len(answer["ratings"]) == len(answer["items"]) == 5
    (line,) = lines(place)
    assert (line["user"], line["items"]) == ("40", answer["items"])
    assert line["recommender"] in ("svd", "small")


def test_a_user_is_the_same_user_after_a_restart(
    serve: Callable[[], str], connect: Callable[[str], Connection]
) -> None:
    first, second = connect(serve()), connect(serve())
    for user in range(20):
        path = f"/reco?UsrID={user}"
        assert first.request("GET", path) == second.request("GET", path)


def test_publications_and_experiments_change_live(
    serve: Callable[[], str], connect: Callable[[str], Connection], place: Path
) -> None:
    url = serve()
    client = connect(url)
    wrong: list[Any] = []
    stopped = threading.Event()

    def ask() -> None:
        reader = connect(url)
        while not stopped.is_set():
            status, answer = reader.request("GET", "/reco?UsrID=7&n_recos=3")
            if status != 200 or {"cold", "fallback"} & set(answer):
                wrong.append(answer)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        version = publish_to(place / "factors", now=lambda: 2, factors=3)
        (place / "new.yml").write_text(CONFIG.partition("experiments")[0] + "default: svd\n")
        os.replace(place / "new.yml", place / "ratings.yml")
        deadline = time.monotonic() + 60
        while client.request("GET", "/reco?UsrID=7")[1]["model_version"] != version:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        stopped.set()
        thread.join()
    assert wrong == []
    published = place / "log-ratings" / "published.jsonl"
    while version not in published.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.request("GET", "/health")[1] == {"status": "ok"}


@pytest.mark.parametrize("examples", [30, pytest.param(500, marks=pytest.mark.nightly)])
def test_every_answer_is_as_the_document_says(
    serve: Callable[[], str], tmp_path: Path, examples: int
) -> None:
    options = ("--include-path-regex", "^/(reco|recs)$", "--max-examples", str(examples))
    assert attack(serve(), *options, cwd=tmp_path) >= 2 * examples


def test_a_start_without_a_publication_is_refused(place: Path) -> None:
    (place / "ratings.yml").write_text(CONFIG.replace("file:small", "file:none"))
    command = [BOTIFY, "serve", "--config", "ratings.yml", "--data-dir", "."]
    done = subprocess.run(
        command, cwd=place, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "recommenders.small: file:none: nothing is published there" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_log_of_another_face_is_refused(place: Path) -> None:
    (place / "log-ratings").mkdir()
    (place / "log-ratings" / "data.json").write_text('{"message": "recommend"}\n')
    command = [BOTIFY, "serve", "--config", "ratings.yml", "--data-dir", "."]
    done = subprocess.run(
        command, cwd=place, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is a log of the shop face" in done.stderr
