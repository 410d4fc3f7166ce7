"""`botify-offline compare`, and `evaluate` on a directory of interactions."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from offline.cli import main


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Interactions of 40 users of two camps, a day apart, with the owner's ids."""
    rng = np.random.default_rng(5)
    rows = ["user,item,timestamp"]
    for day in range(12):
        when = 1_700_000_000 + 86_400 * day
        rows += [
            f"u{user},i{user % 2 * 40 + rng.integers(40)},{when}"
            for user in rng.permutation(40).tolist()
        ]
    (tmp_path / "shop.csv").write_text("\n".join(rows) + "\n")
    done = run("import", tmp_path / "shop.csv", "--out", tmp_path / "shop")
    assert done.exit_code == 0, done.output
    return tmp_path / "shop"


def test_evaluate_a_directory_of_ones_own(shop: Path, tmp_path: Path) -> None:
    words = ("evaluate", shop, "--model", "item-knn", "--json", "--seed", 3)
    by_time = json.loads(run(*words, "--per-user", tmp_path / "values.npz").stdout)
    assert by_time["split"].startswith("time: learned from the 3")
    assert by_time["format"] == "interactions"
    assert by_time["recall@20"] > 0.2
    values = np.load(tmp_path / "values.npz")["recall@20"]
    assert len(values) == by_time["test_users"]
    assert values.mean() == pytest.approx(by_time["recall@20"])
    at_random = json.loads(run(*words, "--split", "random").stdout)
    assert at_random["split"].startswith("random: 20%")
    new = json.loads(run(*words, "--protocol", "strong").stdout)
    assert new["split"].startswith("strong: 10% of the users are new")
    other = json.loads(run(*words, "--set", "neighbours=1").stdout)
    assert other["recall@20"] != by_time["recall@20"]


def test_what_is_refused(shop: Path, tmp_path: Path) -> None:
    for words, complaint in [
        (("evaluate", tmp_path), "no interactions there"),
        (("evaluate", shop, "--split", "published"), "without a split of its own"),
        (("evaluate", shop, "--model", "populer"), "popular"),
        (("evaluate", shop, "--set", "neigbours=3", "--model", "item-knn"), "neighbours"),
        (("evaluate", shop, "--protocol", "strong", "--split", "time"), "strong has its own"),
        (("compare", shop, "--models", "popular,ease,popular"), "popular is there twice"),
        (("compare", shop, "--models", "popular,esae"), "ease"),
    ]:
        done = run(*words)
        assert done.exit_code == 2, words
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.integration
def test_one_table_a_page_and_what_failed(shop: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("compare", shop, "--models", "popular,item-knn,bpr", "--protocol", "strong")
    done = run(*words, "--out", page, "--json")
    assert done.exit_code == 1, done.output  # bpr cannot rank for new users
    found = json.loads(done.stdout)
    assert [facts["model"] for facts in found["models"]] == ["item-knn", "popular"]
    assert found["failed"][0]["name"] == "bpr"
    assert "only for users it was fitted on" in found["failed"][0]["reason"]
    (pair,) = found["pairs"]
    assert (pair["better"], pair["worse"]) == ("item-knn", "popular")
    quality = [facts["ndcg@100"] for facts in found["models"]]
    assert pair["difference"] == pytest.approx(quality[0] - quality[1])
    assert "item-knn" in page.read_text()
