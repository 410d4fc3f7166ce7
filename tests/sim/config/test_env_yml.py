"""config/env.yml: the shipped one, and what each wrong key or value is answered with."""

from pathlib import Path
from typing import Any

import pytest

from sim.config import load_config
from sim.errors import InputError

SHIPPED = Path(__file__).parents[3] / "config" / "env.yml"


def test_the_shipped_config_is_valid_and_has_the_protocols_defaults() -> None:
    config = load_config(SHIPPED)
    users = config.user_catalog_config
    assert users.default_interest_neighbours == 10
    assert users.default_consume_bias == 5.0
    assert users.default_consume_sharpness == 1.0
    assert users.default_session_budget == 5
    assert users.default_artist_discount_gamma == 0.8
    assert config.remote_recommender_config.port == 5001


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("user_catalog_config", "default_budget", 5),
        ("user_catalog_config", "default_session_budget", 0),
        ("user_catalog_config", "default_session_budget", "many"),
        ("user_catalog_config", "default_consume_bias", float("nan")),
        ("user_catalog_config", "default_artist_discount_gamma", 1.5),
        ("user_catalog_config", "default_interest_neighbours", -1),
        ("remote_recommender_config", "port", 70_000),
        ("remote_recommender_config", "connections", 0),
        ("remote_recommender_config", "timeout_seconds", 0),
        ("track_catalog_config", "track_meta_path", 5),
    ],
)
def test_a_wrong_key_or_value_is_named(
    world_files: Any, section: str, key: str, value: object
) -> None:
    path = world_files.write_env(**{section: {key: value}})
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: {section}.{key}: ")


def test_an_unknown_section_is_named(world_files: Any) -> None:
    path = world_files.write_env(redis_config={"host": "localhost"})
    with pytest.raises(InputError, match="redis_config"):
        load_config(path)


def test_a_missing_section_is_named(world_files: Any) -> None:
    world_files.env.write_text("user_catalog_config: {user_catalog_path: users.json}\n")
    with pytest.raises(InputError, match="track_catalog_config: Field required"):
        load_config(world_files.env)


@pytest.mark.parametrize("content", [b"a: [1, 2", b"", b"just text", b"\xff\xfe\x00"])
def test_a_file_that_is_no_config(world_files: Any, content: bytes) -> None:
    world_files.env.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_config(world_files.env)
    assert str(caught.value).startswith(f"{world_files.env}: ")
    assert "\n" not in str(caught.value)
