"""Nights of music and of ratings, with real models."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import yaml

from pipeline.nightly.config import Config, Service, parse
from pipeline.nightly.directory import Night, StopNightError
from pipeline.nightly.faces import filled
from pipeline.nightly.night import Nightly
from pipeline.nightly.rating_errors import Means, minus_rmse
from pipeline.nightly.steps import extract
from pipeline.steps import serving
from tests.pipeline.small_faces import music, ratings
from tests.pipeline.small_shop import NIGHT


def _quiet(_: str) -> None:
    """Nobody is told."""


def _artefact(config: Config) -> dict[str, Any]:
    path = config.out / str(NIGHT) / "train/model/artefact.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_the_face_decides_is_filled_in_and_what_is_named_stays(tmp_path: Path) -> None:
    found = filled(parse({"face": "music", "source": {"place": "x"}}))
    assert (found.model.name, found.split.least_value) == ("als", 0.8)
    assert (found.checks.min_value, found.checks.max_value) == (0.0, 1.0)
    named = {"model": {"name": "ease"}, "split": {"targets": ["last"], "least_value": 0.0}}
    found = filled(parse({"face": "music", "source": {"place": "x"}, **named}))
    assert (found.model.name, found.split.targets) == ("ease", ("last",))
    assert found.split.least_value == 0


def test_plays_of_a_log_have_the_share_that_was_heard(tmp_path: Path) -> None:
    config = parse(music(tmp_path))
    result = extract.work(config.source, Night(NIGHT, "music", tmp_path), tmp_path)
    assert result.metrics["events"] == 120 * 21 * 6
    kinds = duckdb.execute(
        f"SELECT event, min(value), max(value) FROM read_parquet('{tmp_path / extract.OUT}') "
        "GROUP BY event ORDER BY event"
    ).fetchall()
    assert kinds == [("last", 1.0, 1.0), ("next", 0.1, 1.0)]


def test_a_share_beyond_1_stops_a_night_of_music(tmp_path: Path) -> None:
    config = parse(music(tmp_path))
    log = tmp_path / "log/data.json"
    log.write_text(log.read_text().replace('"time": 0.1', '"time": 7', 1))
    with pytest.raises(StopNightError, match="share of bad values"):
        Nightly(config, NIGHT).run_all(_quiet)


def test_errors_of_means(tmp_path: Path) -> None:
    means = Means([("u", "a", 4.0), ("v", "a", 2.0)])
    found = minus_rmse(
        None, ["x", "y"], [("x", "a", 4.0), ("y", "a", 3.0), ("z", "a", 9.0)], means
    )
    np.testing.assert_allclose(found, [-1, 0])


@pytest.mark.integration
def test_a_night_of_ratings_is_served_and_one_without_tastes_is_refused(tmp_path: Path) -> None:
    config = parse(ratings(tmp_path))
    first = Nightly(config, date(2026, 1, 20)).run_all(_quiet)
    assert first["primary"]["name"] == "minus_user_rmse"
    assert first["primary"]["new"] > first["primary"]["old"] + 0.3  # the means know no tastes
    service = {
        "face": "ratings",
        "data_dir": str(config.serving / "current"),
        "log_dir": str(tmp_path / "log"),
        "recommenders": {"svd": {"type": "factors", "store": "file:factors"}},
        "default": "svd",
    }
    (tmp_path / "service.yml").write_text(yaml.safe_dump(service))
    with serving("--config", tmp_path / "service.yml") as port:
        asked = config.service.model_copy(update={"url": f"http://127.0.0.1:{port}", "wait": 30.0})
        config = config.model_copy(update={"service": asked})
        second = Nightly(config, NIGHT).run_all(_quiet)
    assert second["published"]
    assert second["serving"] != first["serving"]
    assert _artefact(config)["config"]["seed"] == 7
    bad = {
        "service": Service(),
        "model": config.model.model_copy(
            update={"options": {"factors": 1, "regularization": 1.0}}
        ),
    }
    with pytest.raises(StopNightError, match=r"gate refused.*minus_user_rmse"):
        Nightly(config.model_copy(update=bad), NIGHT).run_all(_quiet)
    assert Nightly(config, NIGHT).serving.current() == second["serving"]


@pytest.mark.integration
def test_a_night_of_music_is_served(tmp_path: Path) -> None:
    config = parse(music(tmp_path))
    first = Nightly(config, date(2026, 1, 20)).run_all(_quiet)
    assert first["primary"]["name"] == "ndcg_5"
    assert first["primary"]["new"] > first["primary"]["old"] + 0.3
    service = {
        "data_dir": str(config.serving / "current"),
        "log_dir": str(tmp_path / "served"),
        "catalog": "tracks.json",
        "top_tracks": "top_tracks.json",
        "lists": {"learned": {"file": "recommendations.json"}},
        "neighbours": {"near": "neighbours.json"},
        "watch_lists": True,
        "watch_settle": 1,
        "recommenders": {"learned": {"type": "indexed", "list": "learned"}},
        "experiments": {},
        "default": "learned",
    }
    (tmp_path / "service.yml").write_text(yaml.safe_dump(service))
    with serving("--config", tmp_path / "service.yml") as port:
        asked = config.service.model_copy(update={"url": f"http://127.0.0.1:{port}", "wait": 30.0})
        second = Nightly(config.model_copy(update={"service": asked}), NIGHT).run_all(_quiet)
    assert second["published"]
    assert second["serving"] != first["serving"]
    assert _artefact(config)["config"]["seed"] == 7


@pytest.mark.nightly
@pytest.mark.integration
def test_lists_computed_on_spark_are_the_same(tmp_path: Path) -> None:
    config = parse(music(tmp_path))
    Nightly(config, NIGHT).run_all(_quiet)
    lists = config.out / str(NIGHT) / "train/lists/recommendations.json"
    local = lists.read_text()
    Nightly(config.model_copy(update={"engine": "spark"}), NIGHT).run_all(_quiet)
    assert lists.read_text() == local
