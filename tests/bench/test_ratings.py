"""The benchmark of ratings: its commands, its tables, and what is left out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.common.locked_venv import NoVenvError, locked_python
from bench.ratings.__main__ import LOCK
from bench.ratings.picture import draw
from bench.ratings.table import report
from offline.evaluation.ratings import folds_of

REPO = Path(__file__).parents[2]
OURS = {"rmse": 0.8, "rmse_95": 0.01, "mae": 0.6, "cpu": 9.0, "wall": 5.0, "peak_mb": 400.0,
        "rmse_of_biases": 0.9}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data" / "ml-1m"
    directory.mkdir(parents=True)
    rows = [
        f"{u}::{i}::{(u * i) % 5 + 1}::{978_300_000 + u}" for u in range(30) for i in range(60)
    ]
    (directory / "ratings.dat").write_text("\n".join(rows) + "\n")
    return directory.parent


@pytest.mark.integration
def test_ours_is_measured_and_what_is_not_there_is_told(data: Path, tmp_path: Path) -> None:
    words = ("--data", data, "--models", "truncated-svd, centred", "--no-surprise")
    done = subprocess.run(
        [sys.executable, "-m", "bench.ratings", *map(str, words), "--out", str(tmp_path / "out")],
        capture_output=True, text=True, cwd=REPO, check=True,
    )  # fmt: skip
    assert "ml-100k is left out: no directory" in done.stderr
    assert re.search(r"^\| truncated-svd, centred \| \d\.\d{4} ± \d", done.stdout, re.M)
    assert "20,000 steps of 700: " in done.stdout
    lines = (tmp_path / "out/results.jsonl").read_text().splitlines()
    kept = [json.loads(line)["key"] for line in lines]
    assert kept == ["ml-1m svd, 20,000 steps of 700", "ml-1m truncated-svd, centred"]


def test_folds_are_as_large_as_each_other_and_drawn_by_the_seed() -> None:
    one, two = folds_of(1003, 5, 1), folds_of(1003, 5, 2)
    assert sorted(np.bincount(one).tolist()) == [200, 200, 201, 201, 201]
    assert (one != two).any()
    assert (one == folds_of(1003, 5, 1)).all()


def test_surprise_that_cannot_be_installed_is_told(tmp_path: Path) -> None:
    assert "scikit-surprise==" in LOCK.read_text()
    lock = tmp_path / "surprise.lock"
    lock.write_text("./no-such-folder\n")
    with pytest.raises(NoVenvError):
        locked_python(tmp_path / "venv", lock, "scikit-surprise")


def test_the_table_tells_what_was_timed_in_part(capsys: pytest.CaptureFixture[str]) -> None:
    whole = {"rmse": [0.87, 0.88], "mae": [0.7, 0.7], "fit_cpu": [4.0, 5.0],
             "test_cpu": [1.0, 1.0],
             "fit_wall": [6.0, 7.0], "test_wall": [1.5, 1.5], "epochs": 20}  # fmt: skip
    part = {"rmse": [0.93], "mae": [0.7], "fit_cpu": [10.0], "test_cpu": [30.0], "epochs": 1}
    report({"ml-1m": {"svd": OURS, "Surprise SVD": whole, "Surprise SVDpp": part}})
    told = capsys.readouterr().out
    assert "| svd | 0.8000 ± 0.0100 | 0.6000 | 9.0 | 5.0 | 400 |" in told
    assert "| Surprise SVD | 0.8750 | 0.7000 | 11.0 | 16.0 |" in told
    assert "| Surprise SVDpp, from one pass |  |  | 1,150 (1 fold: 230) |" in told
    assert "Biases alone, damped: RMSE 0.9000." in told


def test_help_names_its_options() -> None:
    from bench.ratings.__main__ import main

    assert "--whole" in CliRunner().invoke(main, ["--help"]).output


def test_the_picture_has_each_model_that_ran_whole(tmp_path: Path) -> None:
    ours = {"rmse": 0.85, "cpu": 5.0, "rmse_of_biases": 0.91}
    theirs = {"rmse": [0.87, 0.88], "fit_cpu": [9.0], "test_cpu": [1.0], "epochs": 20}
    found = {
        "svd": ours,
        "truncated-svd": ours | {"rmse": 2.4},
        "svd, 20,000 steps of 700": {"steps": 20_000, "rmse": 0.89, "cpu": 0.5},
        "Surprise SVD": theirs,
        "Surprise SVDpp": theirs | {"epochs": 1},
    }
    draw(found, "Models", tmp_path / "picture.svg")
    text = (tmp_path / "picture.svg").read_text()
    drawn = [name for name in found if f"<!-- {name} -->" in text]
    assert drawn == ["svd", "Surprise SVD"]
