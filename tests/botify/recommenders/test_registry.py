"""Types of recommender: each can be built from its config, and names what it needs."""

from pathlib import Path
from typing import Any

import pytest

from botify.catalog import Catalog
from botify.config import RECOMMENDERS, Config
from botify.recommenders import (
    ListName,
    ModelName,
    NeighboursName,
    RecommenderConfig,
    Resources,
    build_recommenders,
)
from botify.session_model.live import LiveModel
from botify.session_model.repository import ModelRepository
from contract.chain_presets import PRESETS

SETTINGS: dict[str, dict[str, str]] = {
    "contextual": {"neighbours": "near"},
    "similar": {"neighbours": "near"},
    "i2i": {"neighbours": "near"},
    "indexed": {"list": "dae"},
    "indexed_random": {"list": "dae"},
    "sequential": {"list": "dae"},
    "session": {"list": "dae", "model": "sessions"},
}
FILES: dict[str, Any] = {
    "lists": {"dae": "dae.json"},
    "neighbours": {"near": "near.json"},
    "models": {"sessions": "s.safetensors"},
}


@pytest.mark.parametrize("type_", [plugin.name for plugin in RECOMMENDERS.all if plugin.built_in])
def test_every_type_can_be_built_from_its_config(
    type_: str, catalog: Catalog, tmp_path: Path
) -> None:
    entry: dict[str, Any] = {"type": type_, **SETTINGS.get(type_, {})}
    entry |= {"steps": [{"catalog": "any"}]} if type_ == "chain" else {}
    config = Config.model_validate({"recommenders": {"mine": entry}, "default": "mine", **FILES})
    models = {"sessions": LiveModel("sessions", ModelRepository(tmp_path), catalog)}
    assert (
        build_recommenders(config, Resources(catalog, models, config.list_owners))["mine"].name
        == "mine"
    )
    entry.pop("steps", None)  # parsed
    assert config.model_dump()["recommenders"]["mine"].items() >= entry.items()


def test_all_presets_are_types() -> None:
    assert {*PRESETS} <= {*RECOMMENDERS.names}


@pytest.mark.parametrize(
    ("type_", "setting"), [(type_, key) for type_, keys in SETTINGS.items() for key in keys]
)
def test_every_name_in_a_setting_must_be_configured(type_: str, setting: str) -> None:
    entry = {"type": type_, **SETTINGS[type_], setting: "absent"}
    with pytest.raises(ValueError, match=rf"recommenders.mine.{setting}: 'absent' is not one of"):
        Config.model_validate({"recommenders": {"mine": entry}, "default": "mine", **FILES})


def test_references_follow_from_the_types_of_settings() -> None:
    class Trending(RecommenderConfig):
        list: ListName
        neighbours: NeighboursName
        model: ModelName

    entry = Trending(type="trending", list="a", neighbours="b", model="c")
    assert list(entry.references()) == [
        ("list", "lists", "a"),
        ("neighbours", "neighbours", "b"),
        ("model", "models", "c"),
    ]
