"""What other editions of the family write, type and leave out."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from sim.config import load_config
from sim.config.editions import FAMILIES
from sim.errors import InputError
from sim.run import run
from sim.world.files import open_world

MADE = {
    "artists_config": {
        "model": "some",
        "years": [1970, 1980],
        "artists_path": "data/artists.json",
    },
    "track_catalog_config": {
        "tracks_data_model": "some",
        "tracks_per_artist": 10,
        "tracks_raw_path": "data/raw.json",
        "tracks_embeddings_model": "some",
    },
    "user_catalog_config": {"model": "some", "users": 10_000},
}
"""What a 2026 env.yml says of how its files were made."""


@pytest.fixture
def env_2026(world_files: Any) -> Path:
    """An env.yml of 2026, with the paths of a world."""
    tracks = {
        "tracks_path": str(world_files.tracks),
        "tracks_embeddings_path": str(world_files.embeddings),
    }
    content = MADE | {
        "track_catalog_config": MADE["track_catalog_config"] | tracks,
        "user_catalog_config": MADE["user_catalog_config"]
        | {"user_catalog_path": str(world_files.users)},
        "remote_recommender_config": {"host": "localhost", "port": 5001},
    }
    path: Path = world_files.env
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def change(path: Path, section: str, key: str, value: object) -> None:
    content = yaml.safe_load(path.read_text())
    content.setdefault(section, {})[key] = value
    path.write_text(yaml.safe_dump(content))


def play(*arguments: object) -> Result:
    return CliRunner().invoke(run, [str(a) for a in arguments])


def test_an_env_yml_of_2026_is_read_and_what_is_left_aside_is_told(
    env_2026: Path, world_files: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(env_2026)
    assert config.track_catalog_config.track_meta_path == world_files.tracks
    assert config.remote_recommender_config.host == "localhost"
    assert len(open_world(config).catalog) == 40
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{env_2026}: ignored, about how the files were made: artists_config")
    for section in ("track_catalog_config", "user_catalog_config"):
        for key in MADE[section]:
            assert f" {section}.{key}" in line


@pytest.mark.parametrize(
    ("section", "key", "value", "named"),
    [
        ("track_catalog_config", "size", 5, "track_catalog_config.size: no such key"),
        ("track_catalog_config", "tracks_path", 5, "track_catalog_config.tracks_path: "),
        ("track_catalog_config", "track_meta_path", "t", "track_catalog_config.tracks_path: no"),
        ("user_catalog_config", "artists", 5, "user_catalog_config.artists: no such key"),
        ("redis_config", "model", 5, "redis_config: no such key"),
        ("remote_recommender_config", "model", 5, "remote_recommender_config.model: no such key"),
    ],
)
def test_other_keys_still_name_themselves(
    env_2026: Path, section: str, key: str, value: object, named: str
) -> None:
    change(env_2026, section, key, value)
    with pytest.raises(InputError) as caught:
        load_config(env_2026)
    assert str(caught.value).startswith(f"{env_2026}: {named}")


def test_dummy_is_random(world_files: Any) -> None:
    shared = ("--config", world_files.env, "--episodes", 40, "--recommender")
    dummy, random = play(*shared, "dummy"), play(*shared, "random")
    assert dummy.exit_code == 0
    assert dummy.output == random.output
    assert dummy.output.startswith("random: 40 sessions")


def test_a_family_has_its_own_discount_where_nothing_else_is_said(
    world_files: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for family, defaults in FAMILIES.items():
        users = load_config(world_files.env, family).user_catalog_config
        discount = 0.9 if family == "2022" else 0.8
        assert users.default_artist_discount_gamma == discount
        assert defaults == {"default_artist_discount_gamma": discount}
        assert users.default_consume_bias == 1.0  # as the file says
    assert capsys.readouterr().err == ""
    change(world_files.env, "user_catalog_config", "default_artist_discount_gamma", 0.5)
    users = load_config(world_files.env, "2022").user_catalog_config
    assert users.default_artist_discount_gamma == 0.5
    assert "default_artist_discount_gamma stays 0.5" in capsys.readouterr().err


def test_how_many_listeners_a_familys_default_reaches_is_told(world_files: Any) -> None:
    own = '{"user": 77, "interests": [1], "artist_discount_gamma": 0.1}\n'
    world_files.users.write_text(world_files.users.read_text() + own)
    shared = ("--config", world_files.env, "--episodes", 200, "--recommender", "policy:random")
    done, today = play(*shared, "--family", "2022"), play(*shared)
    assert "an artist's discount of 0.9 for 25 of 26 listeners" in done.stderr
    assert today.stderr == ""
    assert done.stdout != today.stdout


def test_multi_tells_both_numbers_of_sessions(world_files: Any) -> None:
    shared = ("--config", world_files.env, "--recommender", "random", "multi", "--processes", 2)
    total, each = play(*shared, "--episodes", 50), play(*shared, "--episodes-per-process", 25)
    assert total.stdout == each.stdout
    assert total.stdout.startswith("random: 50 sessions")
    assert "50 sessions in all, 25 for each of 2 processes" in total.stderr
    assert "would be 100: --episodes-per-process 50" in total.stderr
    assert each.stderr == "50 sessions in all, 25 for each of 2 processes on average\n"


@pytest.mark.parametrize("mode", [(), ("single",)])
def test_with_one_process_episodes_per_process_is_all(
    world_files: Any, mode: tuple[str, ...]
) -> None:
    shared = ("--config", world_files.env, "--recommender", "random", *mode)
    assert play(*shared, "--episodes-per-process", 5).stdout.startswith("random: 5 sessions")


def test_episodes_are_given_in_one_way(world_files: Any) -> None:
    done = play("--config", world_files.env, "--episodes", 5, "--episodes-per-process", 5)
    assert isinstance(done.exception, InputError)
    assert "--episodes-per-process" in str(done.exception)
