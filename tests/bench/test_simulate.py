"""The benchmark of the simulator measures what it says: its baselines play the listeners' game."""

import subprocess
import sys
import sysconfig
from dataclasses import replace
from importlib import import_module
from math import hypot
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sim.agents.policies import Policy
from sim.engine.play import play
from sim.engine.summary import Summary
from sim.rng import Streams
from sim.world import World
from sim.worldgen.generated import GeneratorOptions, generate

REPO = Path(__file__).parents[2]
SIM = Path(sysconfig.get_path("scripts")) / "botify-sim"
POLICIES = ["Random", "TopPop", "TopPopUnseen", "StickyArtist", "Contextual", "Indexed", "Oracle"]
BASELINES = ["the engine", "NumPy in lockstep", "loop over Python objects"]


@pytest.fixture(scope="module")
def baselines() -> ModuleType:
    return import_module("bench.simulate.baselines")


@pytest.fixture(scope="module")
def world() -> World:
    """So small that repeats and artists' discounts are common, and some sessions long."""
    raw, _ = generate(GeneratorOptions(n_users=30, n_tracks=20, library_size=10), seed=3)
    return replace(raw, embeddings=raw.embeddings * np.float32(3.0))


@pytest.fixture(scope="module")
def expected(world: World) -> Summary:
    """The engine, with every track a neighbour of every other: chance without a seen filter."""
    tracks = np.arange(len(world.catalog), dtype=np.int32)
    agent = Policy("contextual", Streams(1), np.tile(tracks, (len(tracks), 1)))
    return play(world, agent, seed=1, episodes=range(40_000))


def assert_same_game(found: Summary, expected: Summary) -> None:
    reward = hypot(found.reward_error, expected.reward_error)
    steps = hypot(found.steps_error, expected.steps_error)
    assert found.mean_reward == pytest.approx(expected.mean_reward, abs=4 * reward)
    assert found.mean_steps == pytest.approx(expected.mean_steps, abs=4 * steps)


@pytest.mark.parametrize("n", [8_000, pytest.param(40_000, marks=pytest.mark.nightly)])
def test_the_numpy_baseline_plays_the_engines_game(
    baselines: ModuleType, world: World, expected: Summary, n: int
) -> None:
    rewards, steps = baselines.lockstep(world, n, np.random.default_rng(2), batch=500)
    assert len(rewards) == n
    assert_same_game(Summary().add(rewards, steps), expected)


@pytest.mark.parametrize("find_nearest", [False, True])
def test_the_plain_loop_plays_the_engines_game(
    baselines: ModuleType, world: World, expected: Summary, find_nearest: bool
) -> None:
    rewards, steps = baselines.Loop(world, 2, find_nearest=find_nearest).play(20_000)
    assert len(rewards) == 20_000
    assert_same_game(Summary().add(rewards, steps), expected)


@pytest.mark.integration
def test_the_tables_have_a_row_for_everyone_and_nothing_stays(tmp_path: Path) -> None:
    size = ("--users", "50", "--tracks", "500")
    subprocess.run([SIM, "world", "--out", tmp_path / "world", *size], check=True)
    tiny = ("--out", tmp_path, "--repeat", "1", "--episodes", "1000", "--processes", "1")
    done = subprocess.run(
        [sys.executable, "-m", "bench.simulate", *tiny],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = [line.strip("|").split("|") for line in done.stdout.splitlines() if line[:1] == "|"]
    names = [row[0].strip() for row in cells]
    for name in POLICIES + BASELINES:
        assert any(found.startswith(name) for found in names), done.stdout
    collected = [[cell.strip() for cell in row] for row in cells if len(row) == 7]
    assert [row[:2] for row in collected if row[0][0].isdigit()] == [
        ["1,000", "parquet"],
        ["1,000", "json"],
        ["100", "parquet"],
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["world"]
