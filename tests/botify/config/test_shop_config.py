"""Config files of the shop face: what they may say, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.config import ShopConfig, load_service_config
from botify.config.load import ConfigFile
from botify.errors import InputError

SHIPPED = Path(__file__).parents[3] / "config" / "botify.yml"
SHOP = SHIPPED.with_name("shop.yml")


@pytest.fixture(autouse=True)
def _no_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_the_shipped_shop_is_what_a_directory_is_served_as(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("neighbours.json", "recommendations.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    shipped = load_service_config(SHOP, data_dir=tmp_path)
    found = load_service_config(None, "shop", data_dir=tmp_path)
    assert isinstance(found, ShopConfig)
    assert found == shipped
    assert list(found.list_files) == ["items", "popular", "recommendations", "neighbours"]
    assert (found.port, found.log_dir) == (8000, Path("log-shop"))


def test_a_directory_without_lists_serves_popular_items(tmp_path: Path) -> None:
    found = load_service_config(None, "shop", data_dir=tmp_path)
    assert found.default == "popular"
    assert list(found.list_files) == ["items", "popular"]


def test_a_directory_that_loses_a_list_is_refused_and_one_that_gets_one_is_not(
    tmp_path: Path,
) -> None:
    neighbours, users = tmp_path / "neighbours.json", tmp_path / "recommendations.json"
    users.touch()
    source = ConfigFile(None, "shop", data_dir=tmp_path)
    assert source.load().default == "blend"
    users.unlink()
    for _ in range(2):
        with pytest.raises(InputError, match=r"recommendations\.json: no such file any more"):
            source.load()
    users.touch()
    neighbours.touch()
    assert "similar" in source.load().recommenders
    neighbours.unlink()
    with pytest.raises(InputError, match=r"neighbours\.json: no such file any more"):
        source.load()
    assert ConfigFile(None, "shop", data_dir=tmp_path).load().default == "blend"


@pytest.mark.parametrize(
    ("face", "changes", "message"),
    [
        ("music", {}, "it is a config of the face 'shop', not of 'music'"),
        (None, {"face": "kiosk"}, "face: 'kiosk' is not one of music, shop"),
        (None, {"catalog": "x"}, "unknown key 'catalog' (allowed: data_dir,"),
        (None, {"similar": "x"}, "similar: 'x' is not one of neighbours (neighbours)"),
        (None, {"lists": {"items": "x"}}, "the name 'items' is used twice"),
        (
            None,
            {"recommenders": {"a": {"type": "indexed", "list": "b"}}, "default": "a"},
            "recommenders.a: no type of recommender 'indexed'",
        ),
        (
            None,
            {"recommenders": {"a": {"type": "user_list", "list": "b"}}, "default": "a"},
            "recommenders.a.list: 'b' is not one of lists",
        ),
    ],
)
def test_a_shop_that_cannot_work(
    tmp_path: Path, face: str | None, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(SHOP.read_text()) | changes, sort_keys=False))
    with pytest.raises(InputError) as caught:
        load_service_config(path, face)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_shop_needs_a_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data-dir"):
        load_service_config(None, "shop")
    with pytest.raises(InputError, match="no such directory"):
        load_service_config(None, "shop", data_dir=tmp_path / "nothing")
