"""Training of a ranker: cuts in time, trees as arrays, metrics, files."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from offline.cli import main
from offline.errors import InputError
from offline.ranker.dataset import Part, cut_in_time, read_features
from offline.ranker.fit import fit, thinned
from offline.ranker.metrics import baselines, measures, ranks
from offline.ranker.options import RankerOptions
from tests.offline.ranker.small import EACH, NAMES, write_features

FEW = RankerOptions(trees=30, depth=3)


def test_parts_follow_each_other_in_time(tmp_path: Path) -> None:
    features = read_features(write_features(tmp_path / "f"))
    parts = cut_in_time(features, 0.2, 0.25)
    sizes = [len(part.starts) - 1 for part in parts[:3]]
    assert sizes == [66, 24, 30]
    assert parts.crossing == 0
    together = np.concatenate([part.values for part in parts[:3]])
    np.testing.assert_array_equal(together, features.arrays["features"])


def test_labels_that_depend_on_what_came_after_a_cut_are_left_out(tmp_path: Path) -> None:
    features = read_features(write_features(tmp_path / "f", late=5000))
    parts = cut_in_time(features, 0.2, 0.25)
    assert [len(part.starts) - 1 for part in parts[:3]] == [61, 19, 30]
    assert parts.crossing == 10
    with pytest.raises(InputError, match="validation part has no group"):
        cut_in_time(read_features(write_features(tmp_path / "g", late=30_000)), 0.2, 0.25)


@pytest.mark.parametrize("loss", ["QuerySoftMax", "YetiRank", "Logloss"])
def test_arrays_score_as_catboost_does_and_better_than_chance(tmp_path: Path, loss: str) -> None:
    parts = cut_in_time(read_features(write_features(tmp_path / "f")), 0.2, 0.25)
    fitted = fit(parts, tuple(NAMES), FEW.model_copy(update={"loss": loss}))
    assert fitted.difference < 1e-6
    assert 1 <= len(fitted.trees.leaves) <= 30
    places = ranks(fitted.trees.scores(parts.test.values), parts.test)
    assert (places == 0).mean() > 2 / EACH
    assert NAMES[int(fitted.importance.argmax())] in ("visitor_item_place", "price")


def test_one_seed_one_ranker(tmp_path: Path) -> None:
    parts = cut_in_time(read_features(write_features(tmp_path / "f")), 0.2, 0.25)
    options = FEW.model_copy(update={"negatives": 3})
    one, two = (fit(parts, tuple(NAMES), options).trees for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def part(labels: list[int], starts: list[int]) -> Part:
    values = np.arange(len(labels) * len(NAMES), dtype=np.float32).reshape(len(labels), -1)
    visitors = np.arange(len(starts) - 1)
    return Part(values, np.array(labels, np.uint8), np.array(starts, np.int64), visitors)


def test_metrics_by_hand() -> None:
    some = part([0, 1, 0, 0, 0, 1], [0, 3, 6])
    places = ranks(np.array([1.0, 1.0, 0.0, 3.0, 2.0, 1.0]), some)
    assert places.tolist() == [1, 2]  # a tie keeps the order of rows
    found = measures(places, some.visitors, 1)
    assert found["mrr"].mean == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found["ndcg_5"].mean == pytest.approx((1 / np.log2(3) + 1 / 2) / 2)
    assert found["hit_5"] == (1, 1, 1)
    assert found["mrr"].low == pytest.approx(1 / 3)
    orders = baselines(some, tuple(NAMES))
    assert ranks(orders["first source"], some).tolist() == [1, 2]
    assert ranks(orders["popularity"], some).tolist() == [1, 0]


def test_negatives_are_thinned_and_targets_kept() -> None:
    some = part([0, 1, 0, 0, 0, 1, 0, 1], [0, 4, 8])
    kept = thinned(some, 1, np.random.default_rng(1))
    assert {1, 5, 7} < set(kept.tolist())
    assert len(kept) == 5
    assert thinned(some, 9, np.random.default_rng(1)).tolist() == [*range(8)]


def test_the_command_writes_ranker_metrics_and_figure(tmp_path: Path) -> None:
    source, out = write_features(tmp_path / "f"), tmp_path / "ranker"
    arguments = ["train-ranker", str(source), "--out", str(out), "--set", "trees=20"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "popularity" in result.output
    about = json.loads((out / "ranker.json").read_text())
    assert about["features"] == NAMES
    assert about["groups"] == {"train": 84, "validation": 18, "test": 18}
    assert about["trees"] <= 20
    mean, low, high = about["test"]["all targets"]["ranker"]["ndcg_10"]
    assert low < mean < high
    assert about["test"]["all targets"]["groups"] == 18
    assert load_file(out / "ranker.safetensors")["leaves"].dtype == np.float64
    assert (out / "importance.svg").read_text().count("<") > 10
    assert (out / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_features(tmp_path / "f")

    def refusal(*arguments: str) -> str:
        given = ["train-ranker", *arguments, "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(main, given)
        assert result.exit_code == 2
        return result.output

    assert "unknown key tree: do you mean trees?" in refusal(str(source), "--set", "tree=9")
    assert "less than or equal to 500" in refusal(str(source), "--set", "trees=501")
    assert "not what `botify shop features` writes" in refusal(str(tmp_path))
    np.save(source / "labels.npy", np.zeros(3, np.uint8))
    assert "labels.npy: its shape is (3,), not" in refusal(str(source))
    monkeypatch.setitem(sys.modules, "catboost", None)
    assert "pip install 'botify[shop]'" in refusal(str(write_features(tmp_path / "g")))
