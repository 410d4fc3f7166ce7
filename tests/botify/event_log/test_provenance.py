"""What tells the logs of two services apart, and what does not."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from botify.config import Config
from botify.event_log.provenance import Provenance, provenance_of

Make = Callable[..., Config]


@pytest.fixture
def config(tmp_path: Path) -> Make:
    """config(**changes): of a small data directory."""
    (tmp_path / "world").mkdir()
    (tmp_path / "lists").mkdir()
    (tmp_path / "world" / "tracks.json").write_text('{"track":0,"artist":"a","title":"t"}\n')
    (tmp_path / "world" / "world.json").write_text('{"seed":1}')
    (tmp_path / "lists" / "top_tracks.json").write_text("[0]")
    (tmp_path / "lists" / "dae.json").write_text('{"user":1,"tracks":[0]}\n')

    def make(**changes: Any) -> Config:
        values = {
            "data_dir": tmp_path,
            "lists": {"dae": "lists/dae.json"},
            "recommenders": {
                "random": {"type": "random"},
                "dae": {"type": "indexed", "list": "dae"},
            },
            "default": "dae",
        }
        return Config.model_validate(values | changes)

    return make


def test_replicas_and_restarts_are_one_run(config: Make, tmp_path: Path) -> None:
    provenance = provenance_of(config())
    assert provenance == provenance_of(config(port=0, workers=7, log_dir=tmp_path / "elsewhere"))
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    assert provenance == provenance_of(config(data_dir=tmp_path.with_name("copy")))


@pytest.mark.parametrize(
    "changes",
    [
        {"default": "random"},
        {"seed": 1},
        {"experiments": {"AB": {"treatments": {"C": "random", "T1": "dae"}}}},
        {"recommenders": {"dae": {"type": "indexed", "list": "dae", "exclude": [0]}}},
    ],
)
def test_another_config_is_another_run_in_the_same_world(
    config: Make, changes: dict[str, Any]
) -> None:
    before, after = provenance_of(config()), provenance_of(config(**changes))
    assert before.run != after.run
    assert before.world_version == after.world_version


@pytest.mark.parametrize("name", ["lists/dae.json", "lists/top_tracks.json"])
def test_other_lists_are_another_run_in_the_same_world(
    config: Make, tmp_path: Path, name: str
) -> None:
    before = provenance_of(config())
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    after = provenance_of(config())
    assert before.run != after.run
    assert before.world_version == after.world_version


@pytest.mark.parametrize("name", ["tracks.json", "world.json"])
def test_another_world_is_another_run(config: Make, tmp_path: Path, name: str) -> None:
    before = provenance_of(config())
    with (tmp_path / "world" / name).open("a") as file:
        file.write("\n")
    after = provenance_of(config())
    assert before.run != after.run
    assert before.world_version != after.world_version


def test_without_a_catalog_s_file_no_world_is_named(config: Make, tmp_path: Path) -> None:
    (tmp_path / "world" / "tracks.json").unlink()
    run, world_version = provenance_of(config())
    assert isinstance(Provenance(run, world_version).run, str)
    assert world_version is None
