"""Listeners of the simulator against the real service, by the commands of the protocol."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[2]
EPISODES = 300


@pytest.fixture
def env(data_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    """env(url): an env.yml of the served catalog, with a truth and thirty listeners."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "tracks.npy", rng.normal(scale=2.0, size=(40, 6)).astype(np.float32))
    users = ({"user": u, "interests": rng.integers(0, 40, 3).tolist()} for u in range(30))
    (tmp_path / "users.json").write_text("".join(f"{u}\n".replace("'", '"') for u in users))

    def write(url: str) -> Path:
        host, port = url.removeprefix("http://").split(":")
        path = tmp_path / "env.yml"
        config = {
            "track_catalog_config": {
                "track_meta_path": str(data_dir / "world" / "tracks.json"),
                "track_embeddings_path": str(tmp_path / "tracks.npy"),
            },
            "user_catalog_config": {
                "user_catalog_path": str(tmp_path / "users.json"),
                "default_consume_bias": 1.0,
            },
            "remote_recommender_config": {"host": host, "port": int(port)},
        }
        path.write_text(yaml.safe_dump(config))
        return path

    return write


def simulate(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "form",
    [
        ("sim/run.py",),
        ("-m", "sim.run", "single"),
        ("sim/run.py", "multi", "--processes", "4"),
    ],
    ids=" ".join,
)
def test_listeners_play_the_served_recommendations(
    serve: Callable[..., Any], env: Callable[[str], Path], form: tuple[str, ...]
) -> None:
    served = serve()
    more = ("--episodes", EPISODES, "--config", env(served.url), "--seed", 31337)
    done = simulate(*form, "--recommender", "remote", *more)
    assert done.returncode == 0, done.stderr
    assert bool(done.stderr) == ("multi" in form)  # how many sessions that is in all
    assert served.stop() == 0
    events = served.log()
    assert done.stdout.startswith(f"remote: {EPISODES} sessions: mean reward ")
    assert sum(event["message"] == "last" for event in events) == EPISODES
    said = float(done.stdout.split("mean reward ")[1].split()[0])
    heard = sum(event["time"] for event in events) / EPISODES - 1
    assert said == pytest.approx(heard, abs=0.001)

    users = defaultdict(list)
    for event in events:
        users[event["user"]].append(event)
    for mine in users.values():
        sessions = [list(some) for _, some in groupby(mine, key=lambda e: e["session"])]
        # No session is met twice: none overlaps another of its user.
        assert len(sessions) == len({event["session"] for event in mine})
        for session in sessions:
            assert session[0]["time"] == 1.0
            kinds = [event["message"] for event in session]
            assert kinds == ["next"] * (len(session) - 1) + ["last"]
            answered = [event["recommendation"] for event in session[:-1]]
            assert answered == [event["track"] for event in session[1:]]


def test_a_service_of_another_catalog_is_named(
    serve: Callable[..., Any], env: Callable[[str], Path], tmp_path: Path
) -> None:
    """The world is smaller than what is served: the first answer beyond it ends the run."""
    served = serve()
    path = env(served.url)
    tracks = (served.data_dir / "world" / "tracks.json").read_text().splitlines()[:5]
    (tmp_path / "fewer.json").write_text("\n".join(tracks))
    np.save(tmp_path / "fewer.npy", np.zeros((5, 3), dtype=np.float32))
    (tmp_path / "users.json").write_text('{"user": 7, "interests": [1]}\n')
    config = yaml.safe_load(path.read_text())
    config["track_catalog_config"] = {
        "track_meta_path": str(tmp_path / "fewer.json"),
        "track_embeddings_path": str(tmp_path / "fewer.npy"),
    }
    path.write_text(yaml.safe_dump(config))
    done = simulate("sim/run.py", "--recommender", "remote", "--config", path, "--episodes", 50)
    assert done.returncode == 2
    assert "this world has tracks 0 to 4" in done.stderr
    assert done.stderr.count("\n") == 1
