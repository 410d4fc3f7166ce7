"""What a changed config becomes on its way to the workers, and in the log."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.config import Config, load_config
from botify.config.changes import as_written, changed_keys, with_live_keys
from contract.chain_presets import PRESETS

SHIPPED = Path(__file__).parents[3] / "config"
SETTINGS = {None: {}, "list": {"list": "dae"}, "neighbours": {"neighbours": "contextual"}}
PRESET_ENTRIES = {
    name: {"type": name, **SETTINGS[preset.setting]} for name, preset in PRESETS.items()
}
STEPS: list[dict[str, Any]] = [
    {"list": "contextual", "key": "listened_track", "plays": 3, "pick": "any", "as": "heard"},
    {"list": "dae", "pick": "next", "time_from": 0.25, "time_below": 0.5},
    {"artist": "last_track", "pick": "unseen"},
    {"list": "top_tracks", "pick": "best"},
    {"catalog": "any"},
]


def config_of(tmp_path: Path, **changes: Any) -> Config:
    values = yaml.safe_load((SHIPPED / "botify.yml").read_text())
    path = tmp_path / "botify.yml"
    path.write_text(yaml.safe_dump(values | changes, sort_keys=False))
    return load_config(path)


def sent(config: Config) -> Config:
    """As a worker has it, which was started with the shipped config."""
    started = load_config(SHIPPED / "botify.yml")
    return with_live_keys(started, json.loads(json.dumps(as_written(config))))


@pytest.mark.parametrize("name", ["botify.yml", "experiment.yml"])
def test_workers_have_the_recommenders_of_the_shipped_configs(name: str) -> None:
    config = load_config(SHIPPED / name)
    live = json.loads(json.dumps(as_written(config)))
    assert with_live_keys(config, live) == config


@pytest.mark.parametrize("entry", PRESET_ENTRIES.values(), ids=PRESET_ENTRIES)
def test_workers_have_every_preset(tmp_path: Path, entry: dict[str, Any]) -> None:
    config = config_of(tmp_path, recommenders={"mine": entry}, experiments={}, default="mine")
    assert sent(config).recommenders == config.recommenders


def test_workers_have_the_steps_of_a_chain(tmp_path: Path) -> None:
    entries = {"mine": {"type": "chain", "steps": STEPS, "exclude": [3]}}
    config = config_of(tmp_path, recommenders=entries, experiments={}, default="mine")
    assert sent(config).recommenders == config.recommenders


def test_a_changed_step_is_told_as_the_config_says_it(tmp_path: Path) -> None:
    before, after = (
        config_of(
            tmp_path,
            recommenders={"mine": {"type": "chain", "steps": [step, {"catalog": "unseen"}]}},
            experiments={},
            default="mine",
        )
        for step in STEPS[:2]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [change] = changed_keys(before, after)
    assert change == (
        "recommenders.mine.steps: [{list: contextual, key: listened_track, plays: 3, pick: any, "
        "as: heard}, {catalog: unseen, as: random}] -> [{list: dae, pick: next, time_from: 0.25, "
        "time_below: 0.5}, {catalog: unseen}]"
    )
