"""What a config may say of chains: the same for the service and for programs without it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.config import load_config
from botify.errors import InputError
from contract.chain_config import read_chain_config
from contract.chain_presets import PRESETS
from contract.chains import parse_steps
from contract.errors import FormatError
from sim.agents.service_chains import load_service_chains

BASE: dict[str, Any] = {"lists": {"dae": "d.json"}, "neighbours": {"near": "n.json"}}
CATALOG = {"catalog": "unseen"}


def config_of(**entry: Any) -> dict[str, Any]:
    return BASE | {"recommenders": {"mine": {"type": "chain"} | entry}, "default": "mine"}


def refusal(**entry: Any) -> str:
    with pytest.raises(FormatError) as caught:
        read_chain_config(config_of(**entry))
    return str(caught.value)


def test_a_chain_has_the_keys_of_its_lists_and_names_for_the_log() -> None:
    found = read_chain_config(
        config_of(
            steps=[
                {"list": "dae", "pick": "first", "time_from": 0.5},
                {"list": "near", "pick": "unseen"},
                {"list": "near", "key": "listened_track", "pick": "any", "plays": 3},
                {"list": "top_tracks", "pick": "first"},
                {"artist": "last_track", "pick": "any", "as": "same"},
                CATALOG,
            ],
            exclude=[3],
        )
    )
    chain = found.chains["mine"]
    assert chain.exclude == (3,)
    assert [(step.key, step.answers_as) for step in chain.steps] == [
        ("user", ""),
        ("last_track", ""),
        ("listened_track", "near"),
        ("everyone", "top_pop"),
        ("last_track", "same"),
        (None, "random"),
    ]
    assert found.files == {
        "top_tracks": "lists/top_tracks.json",
        "dae": "d.json",
        "near": "n.json",
    }


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (None, "`steps` must be a list of steps"),
        ([], "`steps` must be a list of steps"),
        ([{"list": "dae", "pick": "first"}], "the chain can end without an answer: let its last"),
        ([{"catalog": "any", "time_from": 0.5}], "the chain can end without an answer"),
        ([{"artist": "last_track", "pick": "any"}], "the chain can end without an answer"),
        ([CATALOG, CATALOG], "steps.0: the catalog always has a track, so no step after it"),
        ([{"list": "dea", "pick": "first"}, CATALOG], "steps.0.list: no list 'dea' (did you mean"),
        ([{"list": "dae", "pick": "frist"}, CATALOG], "no pick 'frist' (did you mean 'first'?"),
        (
            [{"list": "dae"}, CATALOG],
            "steps.0: `pick` is missing (first, best, next, unseen, any)",
        ),
        ([{"list": "dae", "pik": "first"}, CATALOG], "no key 'pik' (did you mean 'pick'?"),
        ([{"lists": "dae", "pick": "any"}, CATALOG], "no key 'lists' (did you mean 'list'?"),
        ([{"list": 3, "pick": "first"}, CATALOG], "`list` must be the name of a list"),
        ([{"pick": "first"}, CATALOG], "must have one of list, artist and catalog, not none"),
        ([{"list": "dae", "catalog": "any"}, CATALOG], "not list and catalog"),
        (
            [{"list": "near", "key": "lst_track", "pick": "any"}, CATALOG],
            "no key 'lst_track' (did you mean 'last_track'?",
        ),
        (
            [{"list": "dae", "key": "last_track", "pick": "any"}, CATALOG],
            "'dae' has a list for each user, so its key is user, not last_track",
        ),
        (
            [{"list": "near", "key": "user", "pick": "any"}, CATALOG],
            "'near' has a list for each track, so its key is last_track or listened_track",
        ),
        ([{"artist": "user", "pick": "any"}, CATALOG], "no artist 'user' (there are: last_track)"),
        ([{"artist": "last_track", "pick": "first"}, CATALOG], "there are: unseen, any"),
        ([{"catalog": "first"}], "no pick 'first'"),
        ([{"catalog": "any", "pick": "any"}], "`pick` does not go with `catalog`"),
        ([{"list": "near", "plays": 3, "pick": "any"}, CATALOG], "`plays` goes with"),
        (
            [{"list": "near", "key": "listened_track", "plays": 0, "pick": "any"}, CATALOG],
            "`plays` must be an integer from 1 to 100",
        ),
        (
            [{"list": "near", "key": "listened_track", "pick": "next"}, CATALOG],
            "no pick 'next'",
        ),
        ([{"list": "dae", "pick": "any", "time_from": 2}, CATALOG], "a number from 0 to 1"),
        ([{"list": "dae", "pick": "any", "time_below": "x"}, CATALOG], "a number from 0 to 1"),
        (
            [{"list": "dae", "pick": "any", "time_from": 0.5, "time_below": 0.5}, CATALOG],
            "`time_from` must be less than `time_below`",
        ),
        ([{"list": "dae", "pick": "any", "as": ""}, CATALOG], "`as` must be a name"),
        (["catalog"], "steps.0: must be a mapping"),
        (
            [{"list": "dae", "pick": "any"}] * 100 + [CATALOG],
            "`steps` has 101 steps: at most 100 may be",
        ),
    ],
)
def test_a_wrong_chain_is_refused_at_the_start(tmp_path: Path, steps: Any, message: str) -> None:
    assert message in refusal(steps=steps)
    path = tmp_path / "botify.yml"
    path.write_text(yaml.safe_dump(config_of(steps=steps)))
    with pytest.raises(InputError) as served:
        load_config(path)
    assert message in str(served.value)
    assert "recommenders.mine" in str(served.value)
    with pytest.raises(Exception, match="mine") as played:
        load_service_chains(path)
    assert message in str(played.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "indexed"}, "`list` must be the name of a list"),
        ({"type": "indexed", "list": "dea"}, "no list 'dea' (did you mean 'dae'?"),
        ({"type": "similar", "neighbours": "dae"}, "'dae' has a list for each user"),
        ({"type": "random", "list": "dae"}, "no key 'list'"),
        ({"type": "random", "seen_filter": 1}, "`seen_filter` must be true or false"),
        ({"type": "random", "seen_filter": None}, "`seen_filter` must be true or false"),
        ({"type": "random", "exclude": [*range(1001)]}, "`exclude` has 1,001 tracks: at most"),
        ({"type": "random_unseen", "seen_filter": True}, "no key 'seen_filter'"),
        ({"type": "random", "exclude": [1.5]}, "`exclude` must be a list of track ids"),
        ({"type": None}, "`type` is missing"),
    ],
)
def test_a_wrong_preset_is_named(entry: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in refusal(**entry)
    path = tmp_path / "botify.yml"
    path.write_text(yaml.safe_dump(config_of(**entry)))
    with pytest.raises(InputError):
        load_config(path)


def test_types_that_are_no_chains_are_told() -> None:
    entries = {"a": {"type": "random"}, "b": {"type": "session", "model": "m", "list": "dae"}}
    found = read_chain_config(BASE | {"recommenders": entries})
    assert (list(found.chains), found.others) == (["a"], {"b": "session"})


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_chain_that_a_config_could_have(name: str) -> None:
    preset = PRESETS[name]
    steps = preset.chain("mine")
    assert [step.answers_as for step in steps] == [
        step.answers_as for step in parse_steps(preset.steps)
    ]
    assert steps[0].answers_as == ""
    assert preset.chain("mine", seen_filter=preset.seen_filter) == steps
