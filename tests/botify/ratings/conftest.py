"""The ratings face in this process, on a publication in a directory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from botify.app import create_app
from botify.config import LogConfig, RatingsConfig

from ...published import publish_to

CONFIG: dict[str, Any] = {
    "face": "ratings",
    "log": LogConfig(min_free_bytes=0),
    "recommenders": {
        "svd": {"type": "factors", "store": "file:four"},
        "small": {"type": "factors", "users": "file:two", "items": "file:two"},
        "top": {"type": "popular", "store": "file:four"},
    },
    "default": "svd",
}


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    """A folder with two publications: of four factors, and of two."""
    publish_to(tmp_path / "four", factors=4)
    publish_to(tmp_path / "two", factors=2)
    return tmp_path


@pytest.fixture
def make(stores: Path) -> Iterator[Callable[..., Flask]]:
    """make(key=value, ...): the application of one worker, with changes to CONFIG."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        places = {"data_dir": stores, "log_dir": stores / "log", "workers": 1}
        config = RatingsConfig.model_validate({**CONFIG, **places, **changes})
        made.append(create_app(config, None, None))
        return made[-1]

    yield make
    for app in made:
        app.extensions["botify"].stop()


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    return make()
