"""A plug-in whose own code fails while the config is read: named in one line, not a traceback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import model_validator

from botify.catalog import Catalog
from botify.config import RECOMMENDERS, Config
from botify.errors import InputError
from botify.recommenders import Recommender, RecommenderConfig, Resources, build_recommenders

TRACKS = [str(track) for track in range(10)]


class CannotStart(Recommender):
    def __init__(self, *_: object) -> None:
        raise KeyError("jazz")


class Exits(Recommender):
    @classmethod
    def from_config(cls, *_: object) -> "Exits":
        raise SystemExit(3)


class BadCheck(Recommender):
    class Config(RecommenderConfig):
        @model_validator(mode="before")
        @classmethod
        def _own(cls, values: dict[str, Any]) -> dict[str, Any]:
            return {**values, "exclude": values["tracks"]}


@contextmanager
def offered(kind: type[Recommender]) -> Iterator[Callable[[], Config]]:
    """A config whose recommender `mine` has this type."""
    entry = {"type": "plugged"}
    RECOMMENDERS._loaded["plugged"] = kind
    try:
        yield lambda: Config.model_validate({"recommenders": {"mine": entry}, "default": "mine"})
    finally:
        del RECOMMENDERS._loaded["plugged"]


@pytest.mark.parametrize(
    ("kind", "reason"), [(CannotStart, "KeyError: 'jazz'"), (Exits, "SystemExit: 3")]
)
def test_one_that_cannot_be_made(kind: type[Recommender], reason: str) -> None:
    with offered(kind) as config, pytest.raises(InputError) as caught:
        build_recommenders(config(), Resources(Catalog(TRACKS, TRACKS), {}))
    assert str(caught.value) == (
        f"recommenders.mine: the type 'plugged' fails with these settings: {reason}"
    )


def test_one_whose_check_fails() -> None:
    message = "the type 'plugged' fails with these settings: KeyError: 'tracks'"
    with offered(BadCheck) as config, pytest.raises(ValueError, match=message):
        config()
