"""`botify-offline evaluate` on data sets."""

import itertools
import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.models.registry import names_of

BASELINES = [name for name in names_of("likes") if name != "linear-dae"]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """40 users of two camps with items to train on and to test."""
    rng = np.random.default_rng(5)
    directory = tmp_path / "camps"
    directory.mkdir()
    with (directory / "train.txt").open("w") as train, (directory / "test.txt").open("w") as test:
        for user in range(40):
            items = user % 2 * 40 + rng.choice(40, 12, replace=False)
            print(user, *items[:9], file=train)
            print(user, *items[9:], file=test)
    return directory


@pytest.mark.parametrize("model", BASELINES)
def test_one_json_line_for_each_model(model: str, split: Path) -> None:
    done = run(split, "--format", "lightgcn", "--model", model, "--seed", 1, "--json")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    about = {"model": model, "format": "lightgcn", "data": "camps", "protocol": "same-users"}
    about |= {"seed": 1, "users": 40, "items": 80, "interactions": 360, "test_users": 40}
    assert facts.items() >= about.items()
    for metric in ("recall@20", "ndcg@20"):
        assert 0 < facts[metric] <= 1
        assert 0 < facts[f"{metric}_95"] < 0.2
    assert {"novelty@20", "popularity@20", "coverage@20", "gini@20"} <= facts.keys()
    assert "artist_diversity@20" not in facts
    assert facts["seconds_to_train"] >= 0
    assert facts["seconds_to_recommend"] >= 0
    assert 50 < facts["peak_memory_mb"] < 10_000


def test_one_seed_gives_one_result(split: Path) -> None:
    words = (split, "--format", "lightgcn", "--model", "als", "--json")
    lines = [json.loads(run(*words, "--seed", seed).stdout) for seed in (1, 1, 2)]
    for facts in lines:
        for name in ("seconds_to_train", "seconds_to_recommend", "peak_memory_mb", "seed"):
            del facts[name]
    assert lines[0] == lines[1] != lines[2]


def test_new_users(split: Path) -> None:
    words = ("--format", "lightgcn", "--model", "item-knn", "--protocol", "strong", "--json")
    facts = json.loads(run(split, *words).stdout)
    assert facts["protocol"] == "strong"
    assert (facts["users"], facts["test_users"]) == (32, 4)
    assert {"recall@20", "recall@50", "ndcg@100"} <= facts.keys()


def test_text_says_the_same(split: Path) -> None:
    done = run(split, "--format", "lightgcn", "--model", "popular")
    assert done.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["model"] == "popular"
    assert " ± " in lines["recall@20"]
    assert lines["users"] == "40"


def test_a_single_user_has_no_interval(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 1\n1 2 3\n")
    (tmp_path / "test.txt").write_text("0 2\n")
    facts = json.loads(
        run(tmp_path, "--format", "lightgcn", "--model", "popular", "--json").stdout
    )
    assert facts["recall@20"] == 1
    assert facts["recall@20_95"] is None


def test_other_formats(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    pairs = [(u, i) for u in range(30) for i in rng.choice(50, 10, replace=False).tolist()]
    (tmp_path / "ratings.dat").write_text("".join(f"{u}::{i}::5::1\n" for u, i in pairs))
    plays = "".join(f"{u}\t{i}\t7\n" for u, i in pairs)
    (tmp_path / "user_artists.dat").write_text("userID\tartistID\tweight\n" + plays)
    films, artists = (
        json.loads(run(tmp_path, "--format", name, "--model", "popular", "--json").stdout)
        for name in ("ml-1m", "lastfm-2k")
    )
    assert films["recall@20"] == artists["recall@20"]
    assert films["interactions"] == 240
    assert artists["artist_diversity@20"] == 1


def refused(*words: object) -> str:
    done = run(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("format_", ["lightgcn", "ml-1m", "lastfm-2k"])
def test_missing_data_say_where_to_get_them(format_: str, tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        said = refused(directory, "--format", format_, "--model", "popular")
        assert str(directory) in said
        assert "https://" in said
        assert said.count("\n") == 1


def test_a_bad_line_is_one_line_of_complaint(split: Path) -> None:
    with (split / "train.txt").open("a") as file:
        file.write("40 1 oops\n")
    said = refused(split, "--format", "lightgcn", "--model", "popular")
    assert said == (
        f"Error: {split}/train.txt:41: 'oops' is not an id: a line is `user item item ...`, "
        "whole numbers from 0\n"
    )


def test_bpr_does_not_know_new_users(split: Path) -> None:
    said = refused(split, "--format", "lightgcn", "--model", "bpr", "--protocol", "strong")
    assert "bpr ranks only for users it was fitted on" in said


def test_the_two_uses_are_not_mixed(split: Path) -> None:
    assert "no interactions there" in refused(split)
    assert "--model goes with data to train on" in refused(split, split, "--model", "als")
    assert "takes one directory" in refused(split, split, "--format", "lightgcn")
    assert "'netflix' is not one of" in refused(split, "--format", "netflix")
    said = refused(split, "--format", "lightgcn", "--model", "puresvd")
    assert "no model 'puresvd'; did you mean 'pure-svd'?" in said
    assert "-1 is not in the range" in refused(split, "--format", "lightgcn", "--seed", "-1")


THREE = """
import sys
from offline.cli import main
for model in ("als", "bpr", "item-knn"):
    main([*sys.argv[1:], "--model", model], standalone_mode=False)
"""


@pytest.mark.integration
def test_libraries_say_nothing_on_their_own(split: Path) -> None:
    """In a process of its own: they warn once a process, of BLAS threads among other things."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c", THREE),
            *("evaluate", split, "--format", "lightgcn", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "2"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    models = [json.loads(line)["model"] for line in done.stdout.splitlines()]
    assert models == ["als", "bpr", "item-knn"]


@pytest.mark.integration
def test_popularity_on_gowalla_is_what_a_loop_over_the_files_gives() -> None:
    directory = Path(__file__).parents[4] / "shared/data/gowalla"
    if not directory.is_dir():
        pytest.skip("needs the data set gowalla in ../shared/data")
    words = ("--format", "lightgcn", "--model", "popular", "--json")
    facts = json.loads(run(directory, *words).stdout)

    train, test = (
        {
            int(user): list(map(int, items))
            for user, *items in map(str.split, (directory / name).read_text().splitlines())
        }
        for name in ("train.txt", "test.txt")
    )
    counts = Counter(item for items in train.values() for item in items)
    best = sorted(counts, key=lambda item: (-counts[item], item))
    recalls, gains = [], []
    for user, wanted in test.items():
        left = (item for item in best if item not in train[user])
        hits = [item in wanted for item in itertools.islice(left, 20)]
        ideal = sum(1 / math.log2(place + 2) for place in range(min(20, len(wanted))))
        recalls.append(sum(hits) / len(wanted))
        gains.append(sum(1 / math.log2(p + 2) for p, hit in enumerate(hits) if hit) / ideal)
    assert facts["test_users"] == len(test)
    assert facts["recall@20"] == pytest.approx(math.fsum(recalls) / len(test))
    assert facts["ndcg@20"] == pytest.approx(math.fsum(gains) / len(test))
