"""`botify shop features`."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from botify.cli import main
from tests.botify.shop.replay.test_replay import START, event, visits, written


def test_a_log_and_a_catalog_become_features(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    written(tmp_path / "log" / "data.json", visits())
    items = [{"item": item, "title": item, "price": 2.0, "category": "all"} for item in "abcdefgh"]
    written(tmp_path / "items.json", items)
    out = tmp_path / "out"
    arguments = ["shop", "features", str(tmp_path / "log"), "--out", str(out)]
    arguments += ["--items", str(tmp_path / "items.json"), "--name", "similar=near"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    about = json.loads((out / "features.json").read_text())
    assert about["names"][:3] == ["rank:reminders", "rank:near", "rank:popular"]
    assert f"{about['groups']} groups, {len(about['names'])} features" in result.output
    values = np.load(out / "features.npy")
    assert len(values) == about["rows"]
    column = dict(zip(about["names"], values.T, strict=True))
    assert set(column["price"].tolist()) == {2.0}  # no candidate that the catalog lacks
    np.testing.assert_array_less(column["item_views"], column["category_views"] + 1e-6)
    assert not np.isnan(column["category_views"]).any()


def test_targets_may_be_purchases(tmp_path: Path) -> None:
    rows = [event(0, "ann", "a"), event(1, "ann", "b"), event(2, "ann", "a", "transaction")]
    log = written(tmp_path / "log.json", rows)
    arguments = ["shop", "features", str(log), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*arguments, "--target", "transaction"])
    assert result.exit_code == 0, result.output
    assert np.load(tmp_path / "out" / "labels.npy").tolist() == [0, 1]
    assert np.load(tmp_path / "out" / "times.npy").tolist() == [START + 120_000] * 2
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "no group of candidates has a target" in result.output
    result = CliRunner().invoke(main, [*arguments, "--name", "near"])
    assert result.exit_code == 2
    assert "'near' is not SOURCE=NAME" in result.output
