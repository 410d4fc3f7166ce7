"""A type of recommender that is added: what follows from its config class, and what must not be
forgotten."""

from pathlib import Path
from typing import Any, Literal

import pytest

from botify.catalog import Catalog
from botify.config import Config
from botify.config.recommender_types import (
    TYPES,
    ListName,
    ModelName,
    NeighboursName,
    RandomConfig,
)
from botify.recommenders import build_recommenders
from botify.recommenders.registry import _build
from botify.session_model.live import LiveModel
from botify.session_model.repository import ModelRepository

SETTINGS: dict[str, dict[str, str]] = {
    "contextual": {"neighbours": "near"},
    "similar": {"neighbours": "near"},
    "indexed": {"list": "dae"},
    "session": {"list": "dae", "model": "sessions"},
}
FILES: dict[str, Any] = {
    "lists": {"dae": "dae.json"},
    "neighbours": {"near": "near.json"},
    "models": {"sessions": "s.safetensors"},
}


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_of_the_config_can_be_built(
    type_: str, catalog: Catalog, tmp_path: Path
) -> None:
    entry = {"type": type_, **SETTINGS.get(type_, {})}
    config = Config.model_validate({"recommenders": {"mine": entry}, "default": "mine", **FILES})
    models = {"sessions": LiveModel("sessions", ModelRepository(tmp_path), catalog)}
    assert build_recommenders(config, catalog, models)["mine"].name == "mine"


@pytest.mark.parametrize(
    ("type_", "setting"), [(type_, key) for type_, keys in SETTINGS.items() for key in keys]
)
def test_every_name_in_a_setting_must_be_configured(type_: str, setting: str) -> None:
    entry = {"type": type_, **SETTINGS[type_], setting: "absent"}
    with pytest.raises(ValueError, match=rf"recommenders.mine.{setting}: 'absent' is not one of"):
        Config.model_validate({"recommenders": {"mine": entry}, "default": "mine", **FILES})


class TrendingConfig(RandomConfig):
    """A new type, declared and nothing more."""

    type: Literal["trending"]  # type: ignore[assignment]
    list: ListName
    neighbours: NeighboursName
    model: ModelName


def test_references_follow_from_the_types_of_settings() -> None:
    entry = TrendingConfig(type="trending", list="a", neighbours="b", model="c")
    assert list(entry.references()) == [
        ("list", "lists", "a"),
        ("neighbours", "neighbours", "b"),
        ("model", "models", "c"),
    ]


def test_a_type_without_a_class_is_named(catalog: Catalog) -> None:
    class Unregistered:
        seen_filter, exclude = True, ()

    entry: Any = Unregistered()
    with pytest.raises(NotImplementedError, match="no class is registered for Unregistered; add"):
        _build("mine", entry, catalog, {})
