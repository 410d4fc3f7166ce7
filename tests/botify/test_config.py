"""A config that cannot work stops the start with one line that says what to change."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.config import Config, load_config
from botify.errors import InputError

SHIPPED = Path(__file__).parents[2] / "config" / "botify.yml"


@pytest.fixture(autouse=True)
def _no_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)


def refuse(tmp_path: Path, **changes: Any) -> str:
    """The message for the shipped config with some keys replaced."""
    path = tmp_path / "botify.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(SHIPPED.read_text()) | changes, sort_keys=False))
    with pytest.raises(InputError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_shipped_config_serves_dae_against_contextual() -> None:
    config = load_config(SHIPPED)
    assert config.port == 5001
    assert config.experiments["DAE_VS_CONTEXTUAL"].treatments == {"C": "contextual", "T1": "dae"}
    assert config.catalog_path == Path("out/demo/world/tracks.json")
    assert config.list_paths == {
        "dae": Path("out/demo/lists/recommendations.json"),
        "contextual": Path("out/demo/lists/neighbours.json"),
        "top_tracks": Path("out/demo/lists/top_tracks.json"),
    }


def test_the_shipped_config_shows_the_defaults() -> None:
    written = yaml.safe_load(SHIPPED.read_text())
    assert set(written) == set(Config.model_fields)
    for key, field in Config.model_fields.items():
        if not field.is_required() and key not in ("lists", "neighbours"):
            expected = Path(written[key]) if isinstance(field.default, Path) else written[key]
            assert field.default == expected, key


def test_options_and_environment_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/2")
    config = load_config(SHIPPED, data_dir=Path("/data"), port=None, workers=7)
    assert config.catalog_path == Path("/data/world/tracks.json")
    assert (config.port, config.workers) == (5001, 7)
    assert config.redis_url == "redis://elsewhere:6379/2"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    config = load_config(SHIPPED, catalog=tmp_path / "tracks.json")
    assert config.catalog_path == tmp_path / "tracks.json"


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    message = refuse(tmp_path, prot=5001)
    assert message.startswith("unknown key 'prot' (allowed: data_dir, host, port,")
    message = refuse(tmp_path, recommenders={"dae": {"type": "indexed", "list": "dae", "k": 5}})
    assert "unknown key 'recommenders.dae.k'" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port": 70000}, "port: Input should be less than or equal to 65535"),
        ({"workers": 0}, "workers: Input should be greater than or equal to 1"),
        ({"session_ttl": "soon"}, "session_ttl: Input should be a valid integer"),
        ({"experiments": {}}, "experiments: Dictionary should have at least 1 item"),
        ({"recommenders": {"x": {"type": "oracle"}}}, "'random', 'top_pop', 'sticky_artist'"),
        (
            {"recommenders": {"dae": {"type": "indexed", "list": "dea"}}},
            "recommenders.dae.list: 'dea' is not one of lists (dae)",
        ),
        (
            {"recommenders": {"c": {"type": "contextual", "neighbours": "dae"}}},
            "recommenders.c.neighbours: 'dae' is not one of neighbours (contextual)",
        ),
        (
            {"experiments": {"E": {"treatments": {"C": "best"}}}},
            "experiments.E.treatments.C: 'best' is not one of recommenders (random, top_pop,",
        ),
        (
            {"experiments": {"E": {"treatments": {"T1": "dae", "C": "random"}}}},
            "experiments.E.treatments: treatments are T1, C; they must be C, T1, in this order",
        ),
        (
            {"lists": {"dae": "a.json", "contextual": "b.json"}},
            "lists, neighbours: the name 'contextual' is taken twice",
        ),
        ({"redis_url": "localhost:6379"}, "must begin with redis://, rediss:// or unix://"),
    ],
)
def test_bad_values_say_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    assert expected in refuse(tmp_path, **changes)


def test_a_redis_password_is_not_shown(tmp_path: Path) -> None:
    assert "hunter2" not in refuse(tmp_path, redis_url="http://:hunter2@host")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("port: [", "not YAML"), ("", "expected keys and values"), ("- a", "expected keys")],
)
def test_a_file_that_is_no_config(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "botify.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_points_at_the_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yml: cannot be read .* --config"):
        load_config(tmp_path / "nowhere.yml")
