"""Where the relative paths of an env.yml lead."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.config import load_config
from sim.config.paths import locate
from sim.errors import InputError
from sim.world.files import open_world

NAMES = ("tracks.json", "tracks.npy", "users.json")


def write_env(env: Path, folder: str) -> Path:
    """An env.yml whose paths are in `folder`, as they stand in it."""
    env.parent.mkdir(parents=True, exist_ok=True)
    tracks, embeddings, users = (os.path.join(folder, name) for name in NAMES)
    env.write_text(
        yaml.safe_dump(
            {
                "track_catalog_config": {
                    "track_meta_path": tracks,
                    "track_embeddings_path": embeddings,
                },
                "user_catalog_config": {"user_catalog_path": users},
            }
        )
    )
    return env


def copy_world(world_files: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in (world_files.tracks, world_files.embeddings, world_files.users):
        shutil.copy2(path, folder)


@pytest.mark.parametrize(
    ("env", "written", "files"),
    [
        ("far/env.yml", "data", "here/data"),  # from the working directory
        ("far/env.yml", "data", "far/data"),  # beside the config
        ("far/env.yml", "", "far"),
        ("far/config/env.yml", "data", "far/data"),  # in the folder above it
        ("far/world/env.yml", "out/world", "far/world"),  # a world that was built elsewhere
    ],
)
@pytest.mark.parametrize("absolute", [True, False])
def test_the_files_of_an_env_yml_are_found(
    world_files: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    env: str,
    written: str,
    files: str,
    absolute: bool,
) -> None:
    root = tmp_path / "root"
    (root / "here").mkdir(parents=True)
    path = write_env(root / env, written)
    copy_world(world_files, root / files)
    monkeypatch.chdir(root / "here")
    config = load_config(path if absolute else Path("..") / env)
    found = config.track_catalog_config.track_meta_path
    assert found.samefile(root / files / "tracks.json")
    assert len(open_world(config).users) == 25
    assert capsys.readouterr().err == ""


def test_the_working_directory_comes_first_and_another_world_is_told(
    world_files: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    env = write_env(tmp_path / "far" / "env.yml", "data")
    copy_world(world_files, tmp_path / "here" / "data")
    copy_world(world_files, tmp_path / "far" / "data")
    monkeypatch.chdir(tmp_path / "here")
    load_config(env)
    assert capsys.readouterr().err == ""  # the same files twice
    (tmp_path / "far" / "data" / "users.json").write_text('{"user": 1, "interests": [2]}\n')
    users = load_config(env).user_catalog_config.user_catalog_path
    assert users == Path("data/users.json")
    other = tmp_path / "far" / "data" / "users.json"
    assert capsys.readouterr().err == f"{env}: data/users.json is used; {other} is another file\n"


def test_the_files_of_two_worlds_never_mix(
    world_files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = write_env(tmp_path / "far" / "env.yml", "data")
    copy_world(world_files, tmp_path / "here" / "data")
    copy_world(world_files, tmp_path / "far" / "data")
    (tmp_path / "here" / "data" / "tracks.npy").unlink()
    monkeypatch.chdir(tmp_path / "here")
    tracks = load_config(env).track_catalog_config
    far = tmp_path / "far" / "data"
    assert tracks.track_meta_path.samefile(far / "tracks.json")
    assert tracks.track_embeddings_path.samefile(far / "tracks.npy")


def test_a_file_that_is_nowhere_is_named_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_config(write_env(tmp_path / "far" / "env.yml", "data"))
    with pytest.raises(InputError, match=r"^data/tracks\.json: no such file, neither from the "):
        open_world(config)


def test_absolute_paths_stay(tmp_path: Path) -> None:
    path = tmp_path / "tracks.json"
    assert locate(Path("far/env.yml"), [path]) == ([path], None)
