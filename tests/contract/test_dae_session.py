"""DAE_SESSION over HTTP: what it offers, what it logs, and models that come and go."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import N_TRACKS, Connection, Served

pytestmark = pytest.mark.integration

CHANGES: dict[str, Any] = {
    "models": {"hears": "lists/sessions.safetensors"},
    "recommenders": {
        "contextual": {"type": "contextual", "neighbours": "contextual"},
        "dae_session": {"type": "session", "model": "hears", "list": "dae"},
    },
    "experiments": {},
    "default": "dae_session",
    "watch_lists": True,
    "watch_settle": 0.6,
    "workers": 2,
}
Connect = Callable[[str], Connection]
Write = Callable[..., Path]
Serve = Callable[..., Served]


@pytest.fixture
def model(data_dir: Path, write_sessions: Write) -> Path:
    return write_sessions(data_dir / "lists/sessions.safetensors", N_TRACKS)


def replace(path: Path, by: Path) -> None:
    os.replace(by, path)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_a_session_hears_its_taste_and_no_track_twice(
    model: Path, serve: Serve, connect: Connect
) -> None:
    served = serve(CHANGES)
    clients = [connect(served.url) for _ in range(3)]  # several workers answer one session
    for user, camp in ((3, 0), (4, 1), (77, 1), (10**30, 0)):
        played, heard = [2 + camp], 1.0
        for step in range(12):
            status, body = clients[step % 3].play("next", user, played[-1], heard)
            assert status == 200
            played.append(body["track"])
            heard = 0.9
        assert len(set(played)) == len(played)
        assert {track % 2 for track in played} == {camp}
        clients[0].play("last", user, played[-1], 0.0)
    served.stop()
    lines = [line for line in served.log() if line["message"] == "next"]
    assert {line["recommender"] for line in lines} == {"dae_session"}
    assert {line["propensity"] for line in lines} == {1.0}
    assert len({line["model_version"] for line in lines}) == 1
    assert lines[0]["rank"] == 0


def test_all_of_the_catalog_is_offered_before_anything_comes_again(
    model: Path, serve: Serve, connect: Connect
) -> None:
    client = connect(serve(CHANGES).url)
    played = [2]
    for _ in range(N_TRACKS - 1):
        played.append(client.play("next", 3, played[-1], 0.5)[1]["track"])
    assert sorted(played) == list(range(N_TRACKS))


def test_what_a_request_excludes_is_not_offered(
    model: Path, serve: Serve, connect: Connect
) -> None:
    client = connect(serve(CHANGES).url)
    body = b'{"track": 2, "time": 1.0, "exclude": [0, 4, 6]}'
    assert client.request("POST", "/next/3", body) == (200, {"user": 3, "track": 8})


def test_where_nothing_is_known_the_popular_tracks_answer(
    model: Path, serve: Serve, connect: Connect
) -> None:
    served = serve(CHANGES)
    status, body = connect(served.url).play("next", 77, N_TRACKS - 1, 1.0)
    assert (status, body["track"]) == (200, N_TRACKS - 2)  # the first of them was just played
    served.stop()
    assert served.log()[0]["recommender"] == "top_pop"


def test_a_seed_makes_exploration_repeatable(model: Path, serve: Serve, connect: Connect) -> None:
    session = {**CHANGES["recommenders"]["dae_session"], "explore": {"share": 0.5}}
    changes = CHANGES | {"recommenders": {"dae_session": session}, "seed": 5}
    runs = []
    for _ in range(2):
        served = serve(changes)
        client = connect(served.url)
        for user in range(20):
            for track in (2, 4, 6):
                client.play("next", user, track, 1.0)
        served.stop()
        log = sorted(served.log(), key=lambda line: (line["user"], line["timestamp"]))
        runs.append([(line["recommendation"], line["propensity"]) for line in log])
    assert runs[0] == runs[1]
    assert len({track for track, _ in runs[0]}) > 10
    assert all(0 < chance < 1 for _, chance in runs[0])


def test_a_new_model_is_put_into_service_while_it_serves(
    model: Path, serve: Serve, connect: Connect, write_sessions: Write
) -> None:
    served = serve(CHANGES)
    client = connect(served.url)
    assert client.play("next", 3, 2, 1.0)[1]["track"] == 0
    client.play("last", 3, 0, 1.0)
    known = N_TRACKS - 2
    camps = np.eye(2, dtype=np.float32)[np.arange(known) % 2]
    best_last = 1 + np.arange(known, dtype=np.float32)[:, None] / known
    vectors = np.hstack([camps * best_last, camps * best_last])
    replace(model, write_sessions(model.with_suffix(".new"), N_TRACKS, {"vectors": vectors}))
    users = iter(range(100, 10**6))
    eventually(lambda: client.play("next", next(users), 2, 1.0)[1]["track"] == known - 2)
    assert client.request("GET", "/health")[0] == 200


def test_a_bad_model_is_refused_and_the_old_one_stays(
    model: Path, serve: Serve, connect: Connect, write_sessions: Write
) -> None:
    served = serve(CHANGES)
    client = connect(served.url)
    good = model.read_bytes()
    other = write_sessions(model.with_suffix(".new"), 50)
    for bad, why in (
        (good[: len(good) // 2], "cut off"),
        (other.read_bytes(), "made for a catalog of 50 tracks; this one has 40"),
    ):
        model.with_suffix(".bad").write_bytes(bad)
        replace(model, model.with_suffix(".bad"))

        def told(why: str = why) -> bool:
            status, ready = client.request("GET", "/health/ready")
            return status == 200 and ready["status"] == "degraded" and why in ready["reasons"][0]

        eventually(told)
        assert (
            "the old version stays in service" in client.request("GET", "/health")[1]["reasons"][0]
        )
        assert client.play("next", 3, 2, 1.0)[1]["track"] == 0
        client.play("last", 3, 0, 1.0)
    model.with_suffix(".good").write_bytes(good)
    replace(model, model.with_suffix(".good"))
    eventually(lambda: client.request("GET", "/health")[0] == 200)
    served.stop()
    assert served.process.stderr is not None
    said = served.process.stderr.read()
    assert "model hears: its file is refused" in said
    assert "cut off" in said


def test_a_service_does_not_start_with_a_bad_model(
    model: Path, config_path: Callable[..., Path], botify: Callable[..., Any], data_dir: Path
) -> None:
    config = config_path(**CHANGES)
    model.write_bytes(model.read_bytes()[:50])
    done = botify("serve", "--config", config, "--data-dir", data_dir, "--port", 0)
    assert done.returncode == 2
    assert str(model) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    model.unlink()
    done = botify("serve", "--config", config, "--data-dir", data_dir, "--port", 0)
    assert done.returncode == 2
    assert "no such file" in done.stderr


def test_a_model_that_no_config_names_is_named(
    botify: Callable[..., Any], config_path: Callable[..., Path], data_dir: Path
) -> None:
    config = config_path(**(CHANGES | {"models": {}}))
    done = botify("serve", "--config", config, "--data-dir", data_dir, "--port", 0)
    assert done.returncode == 2
    assert "recommenders.dae_session.model: 'hears' is not one of models" in done.stderr


def test_a_start_records_no_version_that_the_last_start_recorded(
    model: Path, serve: Serve, tmp_path: Path, write_sessions: Write
) -> None:
    (tmp_path / "log1").symlink_to(tmp_path / "log0")
    (tmp_path / "log2").symlink_to(tmp_path / "log0")

    def recorded() -> list[str]:
        entries = (tmp_path / "log0" / "published.jsonl").read_text().splitlines()
        return [json.loads(entry)["name"] for entry in entries]

    for _ in range(2):
        assert serve(CHANGES).stop() == 0
        assert sorted(recorded()) == ["contextual", "dae", "hears", "top_tracks"]
    weaker = {"artist_discount": 0.5}
    replace(model, write_sessions(model.with_suffix(".new"), N_TRACKS, about=weaker))
    assert serve(CHANGES).stop() == 0
    assert recorded()[4:] == ["hears"]
