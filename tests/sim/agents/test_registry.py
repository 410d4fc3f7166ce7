"""Agents by name: each is the one it says, and what is missing is named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from contract.chain_presets import PRESETS
from sim.agents.registry import check, create_agent, labels, names
from sim.engine.play import play
from sim.engine.sessions import Sessions
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World

MakeWorld = Callable[..., World]

NAMED = {"console": "console", "random": "random", "oracle": "oracle", "policy:dae": "dae"}
NAMED |= {f"policy:{preset}": preset for preset in PRESETS}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@pytest.fixture
def lists(world: World, tmp_path: Path) -> Path:
    """A folder with the list files of the world."""
    n = len(world.catalog)
    (tmp_path / "top_tracks.json").write_text(json.dumps(list(range(10))))
    (tmp_path / "neighbours.json").write_text(
        "\n".join(
            json.dumps({"track": t, "recommendations": [(t + 1) % n, (t + 2) % n]})
            for t in range(n)
        )
    )
    (tmp_path / "recommendations.json").write_text(
        "\n".join(json.dumps({"user": u, "tracks": [3, 1, 4]}) for u in world.users.ids.tolist())
    )
    return tmp_path


def test_every_name_makes_its_agent(world: World, lists: Path) -> None:
    assert set(names()) == set(NAMED)
    for name, logged in NAMED.items():
        assert create_agent(name, world, Streams(1), lists).name == logged


def test_every_preset_is_on_the_ladder() -> None:
    played = {NAMED[name] for name in labels()}
    assert {*PRESETS} - played == {"indexed"}  # as DAE
    assert len(set(labels().values())) == len(labels())


@pytest.mark.parametrize("name", [name for name in names() if name != "console"])
def test_an_agent_made_by_name_plays(world: World, lists: Path, name: str) -> None:
    agent = create_agent(name, world, Streams(1), lists)
    assert play(world, agent, seed=1, episodes=range(30)).sessions == 30


@pytest.mark.parametrize(
    ("one", "other"), [("random", "policy:random"), ("policy:dae", "policy:indexed")]
)
def test_two_names_of_one_agent_play_alike(
    world: World, lists: Path, one: str, other: str
) -> None:
    first, second = (
        play(world, create_agent(name, world, Streams(4), lists), seed=4, episodes=range(50))
        for name in (one, other)
    )
    assert first == second


def test_the_lists_of_the_folder_are_what_is_answered(world: World, lists: Path) -> None:
    agent, slots = create_agent("policy:dae", world, Streams(1), lists), np.arange(20)
    sessions = Sessions(world, len(slots), Streams(1))
    sessions.start(slots, slots)
    first = sessions.track.copy()
    agent.begin(world, len(slots))
    answer = agent.recommend(sessions.turn(slots))
    assert np.array_equal(answer.tracks, np.where(first == 3, 1, 3))


@pytest.mark.parametrize("name", ["magic", "remote", "policy:", "policy:oracle", "Random", ""])
def test_an_unknown_name_is_named_with_those_there_are(world: World, name: str) -> None:
    with pytest.raises(
        InputError, match=r"no agent .*there are: .*policy:random_unseen"
    ) as caught:
        create_agent(name, world, Streams(1), None)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("policy:top_pop", "top_tracks.json"),
        ("policy:contextual", "neighbours.json"),
        ("policy:dae", "recommendations.json and top_tracks.json"),
    ],
)
def test_a_policy_without_its_lists_says_which_it_reads(
    world: World, name: str, files: str
) -> None:
    with pytest.raises(InputError, match=f"{name} reads {files}.*--lists"):
        create_agent(name, world, Streams(1), None)


@pytest.mark.parametrize("name", ["random", "oracle", "policy:sticky_artist"])
def test_an_agent_that_reads_no_lists_needs_none(world: World, name: str) -> None:
    create_agent(name, world, Streams(1), None)


def test_a_list_file_that_is_missing_is_found_before_a_world_is_read(lists: Path) -> None:
    (lists / "top_tracks.json").unlink()
    check("policy:contextual", lists)
    with pytest.raises(InputError, match=r"top_tracks\.json: there is no such file"):
        check("policy:dae", lists)
